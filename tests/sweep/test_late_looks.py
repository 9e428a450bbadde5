"""Looks that are spaced while trials train, and late ones beside the best: whole runs on the simulated back end."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from dbsweep.config.loading import load_experiment
from dbsweep.errors import ModelError
from dbsweep.execution.backend import OnCard
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import CloserLook, SweepJob
from dbsweep.execution.simulated import SimulatedBackend
from dbsweep.records.names import Metric
from dbsweep.records.record import Scalar
from dbsweep.records.run import RunRecord
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.running import resume_run, run_experiment
from tests.sweep.files import write_experiment

pytestmark = pytest.mark.usefixtures("any_base_model")

PHOTOS, BEST = 3, 5
SETS = (
    "evaluate.every_epochs=1",
    "search.learning_rate=[1e-4]",
    "search.epochs=[8]",
    "evaluate.race.enabled=false",
    "choose.standard_errors=0",
)


def peaked(settings: Mapping[str, Scalar], step: int) -> dict[Metric, float]:
    """Best in epoch `BEST`."""
    return dict.fromkeys(Metric, 0.9 - 0.05 * abs(step / PHOTOS - BEST))


class LookingBackend(SimulatedBackend):
    """Remembers what it was asked to look at late; may be damaged, or be interrupted after so many."""

    def __init__(self, *, damaged: bool = False, stop_after: int = 1000) -> None:
        super().__init__(peaked)
        self.asked: list[int] = []
        self._damaged = damaged
        self._left = stop_after

    def look_closer(self, job: SweepJob, looks: Sequence[CloserLook], on_card: OnCard) -> None:
        for look in looks:
            if self._damaged:
                raise ModelError(f"{look.checkpoint.path} is damaged")
            if self._left == 0:
                raise KeyboardInterrupt
            self._left -= 1
            assert look.card is None
            assert look.images_per_prompt == job.experiment.evaluate.images_per_prompt
            self.asked.append(look.checkpoint.epoch)
            super().look_closer(job, [look], on_card)


def run(folder: Path, backend: SimulatedBackend, *sets: str) -> tuple[RunRecord, str]:
    experiment = load_experiment(write_experiment(folder), [*SETS, *sets])
    out = io.StringIO()
    done = run_experiment(experiment, lambda *_: backend, TerminalView(Console(file=out, width=200)))
    return read_run(done), out.getvalue()


def looked_at(record: RunRecord) -> list[int]:
    return sorted(c.epoch for c in record.checkpoints.values() if c.id in record.scorecards)


def test_the_best_is_found_between_two_looks(tmp_path: Path) -> None:
    record, _ = run(tmp_path, backend := LookingBackend(), "evaluate.look_every=2")
    assert sorted(backend.asked) == [3, 5, 7]  # beside epochs 4 and 6, the best of 2, 4, 6 and 8
    assert looked_at(record) == [2, 3, 4, 5, 6, 7, 8]
    assert record.choice is not None
    assert record.choice.best.epoch == BEST
    assert {c.epoch for c in record.checkpoints.values() if record.is_late(c)} == {3, 5, 7}


def test_wider_spaces_are_narrowed_in_rounds(tmp_path: Path) -> None:
    record, _ = run(tmp_path, backend := LookingBackend(), "evaluate.look_every=4")
    assert backend.asked[:2] == [3, 5]  # beside epoch 4; then on from there
    assert record.choice is not None
    assert record.choice.best.epoch == BEST


def test_without_spaces_nobody_looks_late(tmp_path: Path) -> None:
    for folder, *sets in (("told", "evaluate.look_every=1"), ("few", "evaluate.every_epochs=2")):
        record, shown = run(tmp_path / folder, backend := LookingBackend(), *sets)
        assert backend.asked == []
        assert looked_at(record) == [c.epoch for c in record.checkpoints.values()]
        assert "look_every auto" not in shown


def test_eight_checkpoints_are_spaced_without_being_asked(tmp_path: Path) -> None:
    chosen, shown = run(tmp_path / "a", LookingBackend())
    told, _ = run(tmp_path / "b", LookingBackend(), "evaluate.look_every=2")
    assert "look_every auto: every trial has 8 checkpoints or more, so every second is looked at" in shown
    assert looked_at(chosen) == looked_at(told)
    assert {c.epoch for c in chosen.checkpoints.values() if chosen.is_late(c)} == {3, 5, 7}


def test_what_was_chosen_stands_in_the_run_whatever_would_be_chosen_when_it_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, LookingBackend(stop_after=0))
    folder = RunFolder(tmp_path / "runs" / "demo")
    assert load_experiment(folder.experiment).evaluate.look_every == 2
    monkeypatch.setattr("dbsweep.plan.looks.ENOUGH", 100)
    resume_run(folder, lambda *_: LookingBackend(), TerminalView(Console(file=io.StringIO())))
    assert looked_at(read_run(folder)) == [2, 3, 4, 5, 6, 7, 8]


def test_an_interrupted_round_is_begun_again_and_ends_alike(tmp_path: Path) -> None:
    undisturbed, _ = run(tmp_path / "a", whole := LookingBackend(), "evaluate.look_every=2")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "b", LookingBackend(stop_after=2), "evaluate.look_every=2")
    folder = RunFolder(tmp_path / "b" / "runs" / "demo")
    assert looked_at(read_run(folder)) == [2, 4, 6, 8]
    resume_run(folder, lambda *_: LookingBackend(), TerminalView(Console(file=io.StringIO())))
    record = read_run(folder)
    assert looked_at(record) == looked_at(undisturbed)
    assert record.choice == undisturbed.choice
    assert whole.asked


def test_looks_that_break_off_leave_a_choice_among_what_was_seen(tmp_path: Path) -> None:
    record, shown = run(tmp_path, LookingBackend(damaged=True), "evaluate.look_every=2")
    assert "The looks beside the best checkpoints were broken off" in shown
    assert record.choice is not None
    assert record.choice.best.epoch in (4, 6)


def test_weights_between_looks_are_kept_until_the_best_are_known(tmp_path: Path) -> None:
    record, _ = run(tmp_path, LookingBackend(), "evaluate.look_every=2", "checkpoints.keep=1")
    assert record.choice is not None
    assert record.choice.best.epoch == BEST
    assert {c.epoch for c in record.checkpoints.values() if c.kept} == {BEST}
