"""Sweeps in a cache folder go on where they were interrupted, and are the sweeps that the benchmarks speak of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.cached_sweeps import LEARNING_RATES, CachedSweep, SweepShape, work_through
from benchmarks.scoring_sweeps import EVERY_STEPS, PROTOCOL_PROMPTS, TRAINED_STEPS, SweepWork
from benchmarks.selection_subjects import SubjectWork
from dbsweep.execution.drawing.evaluation import prompts_to_draw


@dataclass(frozen=True)
class ThreePieces(CachedSweep):
    """Each piece is a file; the third one is the finished sweep."""

    @property
    def folder(self) -> Path:
        return self.cache / f"three-{self.seed}"

    @property
    def finished(self) -> Path:
        return self.cache / f"three-{self.seed}.json"

    @property
    def shape(self) -> SweepShape:
        return SweepShape(photos=8, trained_steps=96, every_steps=48, sanity_prompts=("neon of {}",), evaluate={})

    def next_piece(self) -> Callable[[], object] | None:
        files = [self.folder / "first", self.folder / "second", self.finished]
        return next((file.touch for file in files if not file.exists()), None)


def test_pieces_are_done_in_turn_and_never_again(tmp_path: Path) -> None:
    said: list[str] = []
    sweeps = [ThreePieces(seed, tmp_path) for seed in (1, 2)]
    assert work_through(sweeps, 4, said.append) == [tmp_path / "three-1.json"]
    assert sorted(file.name for file in (tmp_path / "three-2").iterdir()) == ["first"]
    assert work_through(sweeps, 0, said.append) == [tmp_path / "three-1.json"]
    assert work_through(sweeps, None, said.append) == [tmp_path / "three-1.json", tmp_path / "three-2.json"]
    assert said == [f"three-{seed}: one piece more is done" for seed in (1, 1, 1, 2, 2, 2)]


@pytest.mark.parametrize("kind", [SubjectWork, SweepWork])
@pytest.mark.parametrize("seed", [100, 101, 102, 103])
def test_every_sweep_is_three_learning_rates_of_equal_length(
    kind: type[CachedSweep], seed: int, tmp_path: Path
) -> None:
    work = kind(seed, tmp_path)
    assert [job.branch.settings["learning_rate"] for job in work.jobs] == list(LEARNING_RATES)
    assert {job.branch.milestones[-1].step for job in work.jobs} == {work.shape.trained_steps}
    assert work.experiment.concepts[0].instance_images == work.folder / "photos"


def test_the_scoring_sweeps_draw_the_protocols_prompts(tmp_path: Path) -> None:
    work = SweepWork(300, tmp_path)
    assert len(prompts_to_draw(work.experiment)) == PROTOCOL_PROMPTS
    steps = list(range(EVERY_STEPS, TRAINED_STEPS + 1, EVERY_STEPS))
    assert [milestone.step for _, milestone in work.points] == steps * len(LEARNING_RATES)
