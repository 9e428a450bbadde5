"""What the values of a grid's axis of checkpoints are, when the choice is known."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from dbsweep.config.grid import Grid
from dbsweep.config.loading import load_experiment
from dbsweep.execution.jobs import SweepJob
from dbsweep.execution.simulated import SimulatedBackend
from dbsweep.records.choice import Choice
from dbsweep.records.record import Scalar
from dbsweep.records.results import GridImage, GridModels
from dbsweep.records.run import RunRecord
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.grid_models import grid_models
from dbsweep.sweep.running import run_experiment
from tests.reports.synthetic import Synthetic
from tests.sweep.files import write_experiment
from tests.sweep.on_paper import curve


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """Three trainings of epochs 10, 20, … 60, each read as a trial of 20 and one of 60."""
    return Synthetic(tmp_path_factory.mktemp("run"), seeds=1).record


def chosen(record: RunRecord, epoch: int) -> Choice:
    """A choice of t004's training, offered as the trial of 20 epochs where that has the checkpoint."""
    assert record.choice is not None
    trial = "t003" if epoch <= 20 else "t004"
    best = next(row for row in record.choice.candidates if (row.trial, row.epoch) == (trial, epoch))
    return record.choice.model_copy(update={"best": best})


def models_for(record: RunRecord, choice: Choice, *values: Scalar) -> GridModels:
    grid = Grid.model_validate({"prompt": "p", "x": {"axis": "checkpoint", "values": values}})
    return grid_models(grid, record, choice)


def titles(record: RunRecord, choice: Choice, *values: Scalar) -> list[str]:
    return [model.title for model in models_for(record, choice, *values).models]


def test_a_grid_without_such_an_axis_is_drawn_by_the_chosen_one(record: RunRecord) -> None:
    grid = Grid.model_validate({"prompt": "p", "x": {"axis": "seed", "values": [1]}})
    found = grid_models(grid, record, chosen(record, 40))
    assert [model.id for model in found.models] == [found.chosen.id] == ["b02-000480"]


def test_names_are_those_of_the_chosen_training(record: RunRecord) -> None:
    everything = ("base", "before", "best", "after", "last", 10)
    found = titles(record, chosen(record, 40), *everything)
    assert found == ["base", "epoch 30", "epoch 40", "epoch 50", "epoch 60", "epoch 10"]
    assert {m.id[:3] for m in models_for(record, chosen(record, 40), *everything).models} == {"bas", "b02"}


def test_the_training_goes_on_where_the_trial_that_names_the_choice_ends(record: RunRecord) -> None:
    """The film strip of the choice goes on to epoch 60 too."""
    assert titles(record, chosen(record, 20), "best", "after", "last") == ["epoch 20", "epoch 30", "epoch 60"]


def test_what_two_values_name_is_drawn_once(record: RunRecord) -> None:
    assert titles(record, chosen(record, 50), 50, "best", "after", "last", 60) == ["epoch 50", "epoch 60"]


def test_the_runner_up_is_the_best_of_another_training_whose_weights_are_kept(record: RunRecord) -> None:
    choice = chosen(record, 40)
    others = [row for row in choice.candidates if not row.checkpoint.startswith("b02")]
    first, second = list(dict.fromkeys(row.checkpoint for row in others))[:2]
    (best,) = models_for(record, choice, "runner_up").models
    assert (best.id, best.title) == (first, f"{others[0].trial}, epoch {others[0].epoch}")
    (next_best,) = models_for(without_weights(record, first), choice, "runner_up").models
    assert next_best.id == second
    alone = choice.model_copy(update={"candidates": (choice.best,)})
    assert models_for(record, alone, "runner_up").notes == (
        "without runner_up: no other training has a checkpoint that could be taken",
    )


def without_weights(record: RunRecord, *names: str) -> RunRecord:
    gone = {name: record.checkpoints[name].model_copy(update={"kept": False}) for name in names}
    experiment = {**record.experiment, "checkpoints": {"precision": "fp16", "keep": 2}}
    return record.model_copy(update={"checkpoints": record.checkpoints | gone, "experiment": experiment})


def test_what_is_not_there_is_told_and_the_others_are_drawn(record: RunRecord) -> None:
    found = models_for(without_weights(record, "b02-000360"), chosen(record, 40), "before", "best", 30, 45, "base")
    assert [model.title for model in found.models] == ["epoch 40", "base"]
    assert found.notes == (
        "without before (epoch 30): its weights were dropped (checkpoints.keep: 2)",
        "without epoch 30: its weights were dropped (checkpoints.keep: 2)",
        "without epoch 45: the chosen training has no checkpoint of this epoch, its last is of epoch 60",
    )
    assert models_for(record, chosen(record, 10), "before").notes == (
        "without before: the chosen checkpoint is the first of its training",
    )
    assert models_for(record, chosen(record, 60), "after").notes == (
        "without after: the chosen checkpoint is the last of its training",
    )


def test_checkpoints_that_nobody_has_looked_at_are_no_neighbours_but_have_epochs(record: RunRecord) -> None:
    """As in the film strip; forks within an epoch and what is passed over have no scores."""
    seen = {name: card for name, card in record.scorecards.items() if name not in ("b02-000360", "b02-000600")}
    spaced = record.model_copy(update={"scorecards": seen})
    assert titles(spaced, chosen(spaced, 40), "before", "after", 30) == ["epoch 20", "epoch 60", "epoch 30"]


class _Drawing(SimulatedBackend):
    """A back end that notes from what grids are drawn, and draws nothing.

    Attributes:
        found: what it has to say of each grid.
    """

    asked: Sequence[GridModels] = ()
    job: SweepJob | None = None
    found: tuple[str, ...] = ()

    def draw_grids(self, job: SweepJob, models: Sequence[GridModels]) -> tuple[GridImage, ...]:
        self.asked, self.job = models, job
        return tuple(
            GridImage(
                title=f"Grid {number}",
                prompt="photo of ohwx man",
                x_label="checkpoint",
                y_label="",
                z_label="",
                x_values=tuple(model.title for model in each.models),
                y_values=("",),
                z_values=("",),
                seeds=(0,),
                cells=(),
                checkpoints=tuple(model.id for model in each.models),
                notes=(*each.notes, *self.found),
            )
            for number, each in enumerate(models, start=1)
        )


@pytest.mark.usefixtures("any_base_model")
def test_a_run_that_has_its_answer_does_not_end_in_a_checkpoint_that_is_not_there(tmp_path: Path) -> None:
    """The hard rate's epoch 2 is chosen, it is ended at epoch 4, and one checkpoint of each trial is kept."""
    axis = "{axis: checkpoint, values: [best, after, 8]}"
    file = write_experiment(tmp_path)
    file.write_text(file.read_text() + f"checkpoints: {{keep: 1}}\ngrids: [{{prompt: photo of ohwx man, x: {axis}}}]\n")
    backend, out = _Drawing(curve), io.StringIO()
    view = TerminalView(Console(file=out, width=300))
    run = run_experiment(load_experiment(file), lambda *_: backend, view)
    record = read_run(run)
    assert record.finished is not None
    assert record.choice is not None
    assert [[model.id for model in each.models] for each in backend.asked] == [[record.choice.best.checkpoint]]
    page = (run.report / "index.html").read_text()
    for told in (
        "without after (epoch 4): its weights were dropped (checkpoints.keep: 1)",
        "without epoch 8: the chosen training has no checkpoint of this epoch, its last is of epoch 4",
    ):
        assert f"Grid 1: {told}" in out.getvalue()
        assert f"W{told[1:]}." in page


@pytest.mark.usefixtures("any_base_model")
def test_what_could_not_be_merged_is_said_and_the_run_has_its_answer(tmp_path: Path) -> None:
    merges = "{axis: merge_ratio, into: minisd, values: [0.75]}"
    axes = (f"x: {merges}", "x: {axis: checkpoint, values: [best, before]}")
    file = write_experiment(tmp_path)
    grids = ", ".join(f"{{prompt: photo of ohwx man, {axis}}}" for axis in axes)
    file.write_text(file.read_text() + f"grids: [{grids}]\n")
    backend, out = _Drawing(curve), io.StringIO()
    backend.found = ("not merged into minisd: other layers",)
    run = run_experiment(load_experiment(file), lambda *_: backend, TerminalView(Console(file=out, width=300)))
    record = read_run(run)
    assert record.finished is not None
    assert record.choice is not None
    assert [line for line in out.getvalue().splitlines() if "Grid " in line] == [
        "Grid 2: without before: the chosen checkpoint is the first of its training",
        "Grid 1: not merged into minisd: other layers",
        "Grid 2: not merged into minisd: other layers",
    ]
    assert backend.job is not None
    custom = backend.job.customs["minisd"]
    assert (custom.name, custom.source) == ("minisd", backend.job.base)
    assert "Not merged into minisd: other layers." in (run.report / "index.html").read_text()
