"""A plan in words, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from dbsweep.config.messages import counted, setting
from dbsweep.plan.amounts import bytes_text, duration_text
from dbsweep.records.plan import Branch, Cost, Plan, Stage
from dbsweep.records.record import Scalar

TREE_LINES = 40
"""Lines of the tree that are shown; a larger one is cut."""

_SHOWN_VALUES = 8
_SHOWN_TRIALS = 6
# What makes the tree branch; everything else in which trials differ is said at its root.
_IN_THE_TREE = ("epochs", "text_encoder_ratio", "lr_step_rules")


def plan_lines(plan: Plan) -> list[str]:
    """The plan line by line, without markup: trials, tree of stages, cost, notes."""
    tree = list(_tree_lines(plan))
    cut = len(tree) - TREE_LINES
    shown = tree[:TREE_LINES] + ([f"  … {counted(cut, 'more line')}"] if cut > 0 else [])
    notes = [f"note: {note}" for note in plan.notes]
    return [*_trial_lines(plan), "", *shown, "", *_cost_lines(plan.cost), *([""] if notes else []), *notes]


def _swept(plan: Plan) -> dict[str, list[Scalar]]:
    """Settings in which the trials differ, with their values in order of appearance."""
    values = {
        name: list(dict.fromkeys(trial.settings[name] for trial in plan.trials)) for name in plan.trials[0].settings
    }
    return {name: found for name, found in values.items() if len(found) > 1}


def _trial_lines(plan: Plan) -> Iterator[str]:
    yield f"{counted(len(plan.trials), 'trial')} on {counted(len(plan.branches), 'branch')}"
    for name, values in _swept(plan).items():
        more = f", … {len(values) - _SHOWN_VALUES:,} more" if len(values) > _SHOWN_VALUES else ""
        yield f"  {name}: {', '.join(map(setting, values[:_SHOWN_VALUES]))}{more}"


def _tree_lines(plan: Plan) -> Iterator[str]:
    stages = {stage.id: stage for stage in plan.stages}
    named = [name for name in _swept(plan) if name not in _IN_THE_TREE]
    depths: dict[str, int] = {}
    for branch in plan.branches:
        depth = 0 if branch.parent is None else depths[branch.parent] + 1
        depths[branch.id] = depth
        yield "  " * depth + _branch_line(branch, named)
        for stage_id in branch.stages:
            yield "  " * depth + "    " + _stage_line(stages[stage_id])


def _branch_line(branch: Branch, named: list[str]) -> str:
    if branch.parent is not None:
        return f"{branch.id} from {branch.parent} at step {branch.fork_step:,}"
    settings = ", ".join(f"{name} {setting(branch.settings[name])}" for name in named)
    return f"{branch.id} {settings}".rstrip()


def _stage_line(stage: Stage) -> str:
    steps = f"steps {stage.start_step + 1:,}–{stage.end_step:,}"
    trained = "UNet and text encoder" if stage.text_encoder_trains else "UNet alone"
    if stage.rate != 1.0:
        trained += f", rate × {stage.rate:g}"
    names = " ".join(stage.trials[:_SHOWN_TRIALS])
    more = f" … {len(stage.trials) - _SHOWN_TRIALS:,} more" if len(stage.trials) > _SHOWN_TRIALS else ""
    return f"{steps:<20} {trained:<22} {names}{more}"


def _cost_lines(cost: Cost) -> Iterator[str]:
    alone = cost.alone or cost
    saved = f" instead of {cost.steps_alone:,} without sharing ({cost.steps_alone / cost.steps_shared:.1f}×)"
    yield f"steps   {cost.steps_shared:,}{saved if cost.steps_alone > cost.steps_shared else ''}"
    race = f", and at most {cost.race_images:,} to tell the best apart" if cost.race_images else ""
    yield f"images  {_beside(f'{cost.images:,}', f'{alone.images:,}')}{race}"
    # Sharing may take more: a fork's state is kept for the branch that starts there.
    yield f"disk    {_beside(bytes_text(cost.disk_bytes), bytes_text(alone.disk_bytes))}"
    yield f"time    {_beside(_time_text(cost.seconds), _time_text(alone.seconds))}"


def _beside(shared: str, alone: str) -> str:
    return shared if shared == alone else f"{shared} (without sharing {alone})"


def _time_text(seconds: float | None) -> str:
    return "not known for this model and machine" if seconds is None else f"about {duration_text(seconds)}"
