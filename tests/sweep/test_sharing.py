"""Sharing changes nothing: every trial has the weights and scores that it has when it is trained alone."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from dbsweep.config.loading import load_experiment
from dbsweep.execution import loaded
from dbsweep.records.run import RunRecord
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.running import run_experiment
from tests.execution.in_process import InProcessBackend
from tests.execution.tiny_sweep import ColourEncoder
from tests.sweep.files import write_experiment, write_masks


@pytest.fixture
def file(tmp_path: Path, tiny_sd: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # The forecast takes any folder for a full-size model.
    monkeypatch.setattr("dbsweep.sweep.preflight.check_disk", lambda output, needed_bytes: None)
    monkeypatch.setattr(loaded, "encoder", lambda source: ColourEncoder())
    loaded.reference.cache_clear()
    return write_experiment(tmp_path, base=tiny_sd)


def sweep(file: Path, name: str, *overrides: str, alone: bool = False) -> RunRecord:
    experiment = load_experiment(file, (f"name={name}", "evaluate.stop_overtrained=false", *overrides))
    view = TerminalView(Console(file=io.StringIO()))
    return read_run(run_experiment(experiment, lambda *_: InProcessBackend(), view, alone=alone))


def scored(record: RunRecord) -> dict[str, list[tuple[int, str, str]]]:
    """Step, hash and scores (as text, for NaN equals nothing) of each trial's scored checkpoints."""
    return {
        trial.id: [
            (c.step, c.sha256, repr(sorted(record.scorecards[c.id].scores.items())))
            for c in record.checkpoints_of(trial.id)
            if c.id in record.scorecards
        ]
        for trial in record.plan.trials
    }


@pytest.mark.parametrize(
    ("overrides", "steps"),
    [
        # Three photos: rates that change within an epoch and at the end of one, beside one that never does.
        (
            (
                "train.lr_scheduler=piecewise_constant",
                'search.lr_step_rules=["1", "1:4,0.1", "1:6,0.5"]',
                "search.text_encoder_ratio=[0.5]",
                "search.epochs=[4]",
            ),
            12 + 8 + 6,
        ),
        (("search.epochs=[2, 4]", "search.text_encoder_ratio=[0, 0.5, 1]"), 12 + 12 + 3 + 6),
    ],
    ids=["rates that change at steps", "epochs and text-encoder ratio"],
)
def test_every_trial_is_as_if_it_were_alone(file: Path, overrides: tuple[str, ...], steps: int) -> None:
    fixed = ("search.learning_rate=[1e-3]", "search.class_images_per_instance=[1]", "evaluate.every_epochs=2")
    shared = sweep(file, "shared", *fixed, *overrides)
    alone = sweep(file, "alone", *fixed, *overrides, alone=True)
    assert scored(shared) == scored(alone)
    assert all(scored(shared).values())
    assert shared.plan.cost.steps_shared == steps < alone.plan.cost.steps_shared


def test_a_background_that_counts_in_full_trains_as_if_there_were_no_masks(file: Path) -> None:
    fixed = ("search.learning_rate=[1e-3]", "search.class_images_per_instance=[1]", "search.epochs=[2]")
    plain = sweep(file, "plain", *fixed)
    write_masks(file.parent)
    masked = sweep(file, "masked", *fixed, "search.background_weight=[1, 0.5, 0]")
    whole, half, none = scored(masked).values()
    assert [whole] == list(scored(plain).values())
    assert len({str(each) for each in (whole, half, none)}) == 3
    assert {stage.id for stage in plain.plan.stages} < {stage.id for stage in masked.plan.stages}
