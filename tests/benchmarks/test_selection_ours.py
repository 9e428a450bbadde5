"""How far each way of running dbsweep trains, what races, and what is chosen, on trainings whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.selection_curves import CardData
from benchmarks.selection_ours import NO_RACE, WAY, outcome, outcomes
from benchmarks.selection_race import looks, race, rows_until
from benchmarks.selection_schedule import ends
from dbsweep.config.evaluate import Evaluate
from dbsweep.records.names import Metric
from dbsweep.records.results import Scorecard
from dbsweep.selection.pick import ChoiceSettings
from dbsweep.selection.utility import Utility
from tests.benchmarks.selection_sweeps import GENTLE, HARD, Level, card, settings_sweep, subject, sweep, trial

BETTER: Level = (0.95, 1.0, 1.0)
WHOLE = (3, 3)


def test_the_hard_training_is_ended_by_its_verdict_and_the_gentle_one_only_by_halving() -> None:
    """HARD's onset is at index 2. GENTLE is behind it at index 1, a third of the way and a bit, and rises."""
    found = outcomes(subject().curves)
    early = {way: each for way, each in found.items() if way in ("every_patient", "spaced_patient")}
    assert found["whole"].ends == WHOLE
    assert {each.ends for each in early.values()} == {(3, 2)}  # of four checkpoints none is passed over
    assert {each.place for each in early.values()} == {(0, 3)}
    assert found["every_halved"].ends == (2, 2)
    longer = sweep(trial(HARD + HARD[-1:] * 3))
    assert ends(longer, {}) == (2,)


def test_a_sweep_of_several_settings_ends_each_trial_by_its_own_curve() -> None:
    """The third and fourth are GENTLE; the others are called overtrained or outrun at index 2."""
    found = outcomes(settings_sweep())
    assert found["spaced_alone"].ends == (2, 2, 3, 3, 2, 2, 2, 2)
    assert found["spaced_alone"].place in {(2, 3), (3, 3)}


def test_the_defaults_pass_over_every_second_of_eight_checkpoints() -> None:
    """HARD's onset is at index 2, of which the look at index 3 tells."""
    curves = sweep(trial(GENTLE + GENTLE[-1:] * 4), trial(HARD + HARD[-1:] * 4, rate=1e-4))
    found = outcomes(curves)
    assert {way: each.look_every for way, each in found.items()} == {
        **dict.fromkeys(("whole", "every", "every_alone", "every_patient", "every_behind", "every_halved"), 1),
        **dict.fromkeys(("spaced", "spaced_alone", "spaced_patient", "spaced_behind", "spaced_halved"), 2),
    }
    assert (found["every"].ends, found["spaced"].ends) == ((7, 2), (7, 3))
    assert found["spaced"].looks < found["every"].looks
    assert WAY == "spaced"


def test_with_one_worker_the_first_training_is_never_outrun() -> None:
    curves = sweep(trial(GENTLE[:1] * 7), trial(GENTLE + GENTLE[-1:] * 3, rate=1e-4))
    halving = {"scheduler": "asha", "grace_epochs": 6, "reduction_factor": 3}
    assert ends(curves, halving, workers=2) == (3, 6)  # first at the rung, and outrun there by the next checkpoint
    assert ends(curves, halving, workers=1) == (6, 6)


def test_other_settings_of_the_choice() -> None:
    curves = subject().curves
    assert outcome(curves, WHOLE, choice=ChoiceSettings(standard_errors=0.0)).place == (0, 3)


@pytest.fixture
def tied() -> dict[tuple[str, int], Scorecard]:
    """Closer looks at the last two checkpoints of GENTLE, which their first scorecards hardly tell apart."""
    names = ("lr1e-05-000030", "lr1e-05-000040")
    cards = dict(zip(names, (BETTER, GENTLE[3]), strict=True))
    return {(name, level): card(levels).card(name) for name, levels in cards.items() for level in (8, 16)}


def wide(level: Level, seed: int) -> CardData:
    """Samples that scatter so that nobody is surely behind."""
    data, rng = card(level), np.random.default_rng(seed)
    scatter = {metric: rng.permutation(np.tile([-0.4, 0.4], 4)) for metric in data.samples}
    samples = {metric: tuple((np.array(row) + scatter[metric]).tolist()) for metric, row in data.samples.items()}
    return data.model_copy(update={"samples": samples})


def test_rounds_draw_for_those_that_can_still_win(tied: dict[tuple[str, int], Scorecard]) -> None:
    known = trial(GENTLE)
    points = [
        p.model_copy(update={"card": wide(level, p.step)}) for p, level in zip(known.checkpoints, GENTLE, strict=True)
    ]
    curves = sweep(known.model_copy(update={"checkpoints": tuple(points)}))
    asked: list[tuple[str, int]] = []

    def look(name: str, level: int) -> Scorecard | None:
        asked.append((name, level))
        return tied.get((name, level))

    raced = race(rows_until(curves, (3,), Utility()), look, Utility(), evaluate=Evaluate(images_per_prompt=4))
    # Two have closer looks and draw four more of each prompt; then the better one has won.
    assert raced.images == 8
    assert (raced.asked, raced.missing) == (len(asked), len(asked) - 2) == (3, 1)
    assert raced.finalists == frozenset({"lr1e-05-000030", "lr1e-05-000040"})
    assert {level for _, level in asked} == {8}
    latest = {checkpoint.id: scorecard for _, checkpoint, scorecard in raced.rows}
    assert latest["lr1e-05-000030"].value(Metric.IDENTITY) == BETTER[0]
    assert latest["lr1e-05-000010"].value(Metric.IDENTITY) == GENTLE[0][0]


def test_without_closer_looks_there_is_no_race() -> None:
    raced = race(rows_until(subject().curves, WHOLE, Utility()), lambda name, level: None, Utility())
    assert (raced.finalists, raced.images) == (None, 0)
    assert raced.rows == subject().curves.candidates()


def test_spaced_looks_are_every_so_many_and_the_end_and_late_ones_beside_the_best() -> None:
    (known,) = sweep(trial(GENTLE)).trials
    assert [point.step for point in looks(known, 1)] == [10, 20, 30, 40]
    assert [point.step for point in looks(known, 2)] == [20, 40]
    assert [point.step for point in looks(known, 3)] == [30, 40]
    curves = sweep(known)
    assert [row[1].step for row in rows_until(curves, (3,), Utility(), 2)] == [10, 20, 30, 40]
    assert [row[1].step for row in rows_until(curves, (1,), Utility(), 3)] == []
    spaced = outcome(curves, (3,), evaluate=NO_RACE, look_every=2)
    assert spaced.looks == 4
