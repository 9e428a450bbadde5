"""The race of a sweep's best checkpoints, on a real ledger and a back end that draws samples from known levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from dbsweep.errors import ModelError
from dbsweep.execution.backend import OnCard
from dbsweep.execution.jobs import CloserLook, SweepJob
from dbsweep.execution.ledger.ledger import Ledger
from dbsweep.execution.simulated import UNTRAINED, SimulatedBackend, make_scorecard
from dbsweep.records.events import CheckpointScored
from dbsweep.records.names import BASE, Metric
from dbsweep.records.results import Score, Scorecard
from dbsweep.reports.race import race_sentence
from dbsweep.selection.candidates import list_candidates
from dbsweep.selection.choice import choose
from dbsweep.sweep.racing import race
from tests.execution.ledgers import checkpoint
from tests.execution.sweeps import make_experiment, make_plan, make_sweep_job

LEVELS = {"b01-000010": 0.4, "b01-000020": 0.7, "b01-000030": 0.72, "b02-000030": 0.73}
"""True identity, style and prior of each checkpoint."""
PROMPTS = 3


def draw_card(name: str, images_per_prompt: int) -> Scorecard:
    """Samples about the level; more images begin with the same samples."""
    scores = {}
    for metric in Metric:
        rng = np.random.default_rng([sum(map(ord, name)), *map(ord, metric.value)])
        samples = LEVELS[name] + rng.normal(0.0, 0.15, PROMPTS * 16)[: PROMPTS * images_per_prompt]
        value = float(samples.mean())
        scores[metric] = Score(value=value, low=value, high=value, samples=tuple(samples.tolist()))
    return Scorecard(checkpoint=name, scores=scores, images=())


class DrawingBackend(SimulatedBackend):
    """Remembers what it was asked to draw; one checkpoint may be damaged."""

    def __init__(self, damaged: str = "", stop_after: int = 1000) -> None:
        super().__init__(lambda *_: UNTRAINED)
        self.asked: list[tuple[str, int]] = []
        self._damaged = damaged
        self._left = stop_after

    def look_closer(self, job: SweepJob, looks: Sequence[CloserLook], on_card: OnCard) -> None:
        for look in looks:
            if self._left == 0:
                raise KeyboardInterrupt
            self._left -= 1
            self.asked.append((look.checkpoint.id, look.images_per_prompt))
            if look.checkpoint.id == self._damaged:
                raise ModelError(f"{look.checkpoint.path} is damaged")
            on_card(draw_card(look.checkpoint.id, look.images_per_prompt))


@pytest.fixture
def swept(tmp_path: Path) -> Iterator[tuple[Ledger, SweepJob]]:
    """A sweep whose four checkpoints have had their first look."""
    experiment = make_experiment()
    with Ledger.create(tmp_path / "ledger.db", "demo", experiment, make_plan()) as ledger:
        ledger.set_base(make_scorecard(BASE, UNTRAINED), "0" * 64)
        for name in LEVELS:
            event = checkpoint(int(name[-6:]), name[:3])
            ledger.record(
                CheckpointScored(
                    checkpoint=event.checkpoint,
                    log=event.log,
                    scorecard=draw_card(name, experiment.evaluate.images_per_prompt),
                    verdict=None,
                )
            )
        yield ledger, make_sweep_job(tmp_path, experiment)


def run_race(swept: tuple[Ledger, SweepJob], backend: SimulatedBackend) -> None:
    ledger, job = swept
    race(backend, job, ledger, lambda done, total: None)


def test_only_those_that_can_still_win_are_drawn_again_and_ever_fewer(swept: tuple[Ledger, SweepJob]) -> None:
    backend = DrawingBackend()
    run_race(swept, backend)
    rounds = {level: {name for name, count in backend.asked if count == level} for level in (4, 8, 16)}
    assert "b01-000010" not in rounds[4]
    assert {"b01-000030", "b02-000030"} <= rounds[4]
    assert rounds[16] <= rounds[8] <= rounds[4]
    record = swept[0].read()
    assert {level: set(cards) for level, cards in record.further.items()} == {k: v for k, v in rounds.items() if v}
    assert record.scorecards["b02-000030"] == draw_card("b02-000030", 2), "the first look stays what it was"


def test_the_choice_is_made_among_those_that_were_looked_at_most_closely(swept: tuple[Ledger, SweepJob]) -> None:
    run_race(swept, DrawingBackend())
    record = swept[0].read()
    choice = choose(list_candidates(record), finalists=record.finalists)
    assert choice.best.checkpoint in (record.finalists or ())
    last = max(record.further)
    assert choice.best.identity == record.further[last][choice.best.checkpoint].value(Metric.IDENTITY)
    assert {row.checkpoint for row in choice.candidates} == set(LEVELS), "the others are listed behind them"
    assert race_sentence(record).startswith("Of 4 checkpoints, those that could still win drew more images: ")


def test_an_interrupted_race_draws_what_is_missing_and_ends_alike(swept: tuple[Ledger, SweepJob]) -> None:
    undisturbed = DrawingBackend()
    run_race(swept, undisturbed)
    whole = swept[0].read().further
    for level in whole:
        swept[0].drop_further(level)
    first = DrawingBackend(stop_after=1)
    with pytest.raises(KeyboardInterrupt):
        run_race(swept, first)
    rest = DrawingBackend()
    run_race(swept, rest)
    assert first.asked + rest.asked == undisturbed.asked
    assert swept[0].read().further == whole


def test_half_a_round_is_forgotten_where_a_checkpoint_cannot_be_drawn(swept: tuple[Ledger, SweepJob]) -> None:
    with pytest.raises(ModelError, match="is damaged"):
        run_race(swept, DrawingBackend(damaged="b02-000030"))
    assert swept[0].read().further == {}
    assert swept[0].read().finalists is None


def test_a_race_can_be_switched_off(swept: tuple[Ledger, SweepJob]) -> None:
    ledger, job = swept
    evaluate = {"every_epochs": 1, "images_per_prompt": 2, "race": {"enabled": False}}
    off = job.model_copy(update={"experiment": make_experiment(evaluate=evaluate)})
    backend = DrawingBackend()
    run_race((ledger, off), backend)
    assert backend.asked == []
    assert race_sentence(ledger.read()) == ""
