"""The report as a frozen record: everything that the page shows, before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dbsweep.config.messages import counted
from dbsweep.config.schema import Experiment
from dbsweep.records.names import BASE, TrialState
from dbsweep.records.run import RunRecord
from dbsweep.reports.curves import FrontPoint, Panel, front_points, panels
from dbsweep.reports.decision import Decision, decision
from dbsweep.reports.grids import GridTable, grid_tables
from dbsweep.reports.legends import Key, curve_keys, front_keys
from dbsweep.reports.saving import steps_saved
from dbsweep.reports.savings import savings_sentences
from dbsweep.reports.story import Chapter, story
from dbsweep.reports.strips import FilmStrip, film_strips
from dbsweep.reports.tokens import token_sentences
from dbsweep.reports.trials import TrialTable, trial_table
from dbsweep.reports.words import as_sentence, duration, listing, moment
from dbsweep.selection.unmeasurable import unmeasurable

STRIPS_SHOWN = 40
"""Most film strips on one page; the story's are always among them."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A branch that could not go on, and the trials that were lost with it."""

    branch: str
    state: str
    trials: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReportData:
    """What the report shows, in the page's order.

    Attributes:
        facts: (name, value) pairs of the header, what was swept: base model, subject, how much.
        course: likewise, how it went: when, how long, where.
        progress: what is still to come; empty when the run is finished.
        decision: None while nothing can be recommended.
        chapters: the strips of the story; strips: all others.
        curve_keys, front_keys: what the colours of `panels` and `front` mean.
        strips_left_out: strips that the page has no room for.
        notes: the plan's sentences for the person, trials that ran out of memory, and what this base model and
            encoder cannot measure.
    """

    name: str
    facts: tuple[tuple[str, str], ...]
    course: tuple[tuple[str, str], ...]
    progress: str
    decision: Decision | None
    chapters: tuple[Chapter, ...]
    table: TrialTable
    panels: tuple[Panel, ...]
    curve_keys: tuple[Key, ...]
    front: tuple[FrontPoint, ...]
    front_keys: tuple[Key, ...]
    grids: tuple[GridTable, ...]
    strips: tuple[FilmStrip, ...]
    strips_left_out: int
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]

    @property
    def failures_title(self) -> str:
        """What happened to `failures`: who has pressed Ctrl-C has not failed."""
        states = {failure.state for failure in self.failures}
        if TrialState.INTERRUPTED not in states:
            return "What failed"
        return "What was interrupted" if len(states) == 1 else "What failed or was interrupted"


def report_data(record: RunRecord, run_folder: Path, handle: str | None = None) -> ReportData:
    """Everything the report says about a run.

    Args:
        record: what the ledger knows; the run may still be going or have no choice.
        run_folder: image paths of the record are relative to it. Images are not opened, and may be missing.
        handle: what a person types as RUN; the run's name if not given.

    Raises:
        pydantic.ValidationError: the record's experiment is not one.
    """
    folder = run_folder.resolve()
    strips = film_strips(record, folder)
    curves, front = panels(record), front_points(record)
    chapters = story(record, strips)
    told = {chapter.strip.trial for chapter in chapters}
    others = [strip for strip in strips if strip.trial not in told]
    room = STRIPS_SHOWN - len(chapters)
    return ReportData(
        name=record.name,
        facts=_facts(record),
        course=_course(record),
        progress=_progress(record, handle or record.name),
        decision=decision(record, folder, handle),
        chapters=chapters,
        table=trial_table(record),
        panels=curves,
        curve_keys=curve_keys(curves),
        front=front,
        front_keys=front_keys(front),
        grids=grid_tables(record, folder),
        strips=tuple(others[:room]),
        strips_left_out=max(len(others) - room, 0),
        failures=_failures(record),
        notes=tuple(map(as_sentence, (*record.plan.notes, *savings_sentences(record), *_of_the_base(record)))),
    )


def _of_the_base(record: RunRecord) -> tuple[str, ...]:
    """What the base model knows of the subject's words, and what cannot be measured with it."""
    base = record.scorecards.get(BASE)
    return (*token_sentences(base), *unmeasurable(base)) if base is not None else ()


def _facts(record: RunRecord) -> tuple[tuple[str, str], ...]:
    experiment = Experiment.model_validate(record.experiment)
    subjects = listing(f"{c.instance_token} {c.class_token}" for c in experiment.concepts)
    plan, cost = record.plan, record.plan.cost
    work = f"{counted(len(plan.trials), 'trial')}, {counted(cost.steps_shared, 'optimizer step')}"
    if cost.steps_shared < cost.steps_alone:
        work += f" ({cost.steps_alone:,} if each trained alone)"
    facts = [("Base model", experiment.base_model), ("Subject", subjects), ("Sweep", work)]
    if saved := steps_saved(record):
        facts.append(("Saved by early ends", f"{counted(saved, 'step')} ({saved / cost.steps_shared:.0%})"))
    return tuple(facts)


def _course(record: RunRecord) -> tuple[tuple[str, str], ...]:
    facts = [("Started", moment(record.started))]
    if record.finished is not None:
        facts.append(("Took", duration(record.finished - record.started)))
    if record.hosts:
        facts.append(("Machine" if len(set(record.hosts.values())) == 1 else "Machines", _hosts(record)))
    return tuple(facts)


def _hosts(record: RunRecord) -> str:
    hosts = sorted(set(record.hosts.values()))
    return listing(hosts) if len(hosts) <= 4 else f"{', '.join(hosts[:3])} and {len(hosts) - 3} more"


def _progress(record: RunRecord, handle: str) -> str:
    if record.finished is not None:
        return ""
    open_states = (TrialState.PENDING, TrialState.RUNNING, TrialState.INTERRUPTED)
    left = sum(state in open_states for state in record.states.values())
    return (
        f"This run is not over: {counted(left, 'trial')} of {len(record.states)} to come. If it was interrupted, go on "
        f"with: dbsweep resume {handle}"
    )


def _failures(record: RunRecord) -> tuple[Failure, ...]:
    """The branches that failed or were interrupted; a stopped branch has a reason too, but is no failure."""
    broken = (TrialState.FAILED, TrialState.INTERRUPTED)
    found = []
    for branch, state in record.branch_states.items():
        if state in broken:
            through = [p.trial for p in record.plan.paths if branch in dict(p.segments)]
            lost = [trial for trial in through if record.states[trial] in (*broken, TrialState.PENDING)]
            reason = record.failures.get(branch, "") or "no reason was recorded"
            found.append(Failure(branch, state.value, listing(lost) if lost else "no trial", reason))
    return tuple(found)
