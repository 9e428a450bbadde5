"""Which checkpoint is taken: utility, less training where it is cheap, constraints, the race, ties, NaN."""

from __future__ import annotations

import random

import numpy as np
import pytest

from dbsweep.config.choosing import Choosing, Judging, Weights
from dbsweep.errors import RunError
from dbsweep.records.choice import Choice
from dbsweep.records.names import BASE, Metric
from dbsweep.records.plan import TrialPath
from dbsweep.records.results import Score
from dbsweep.selection.choice import choose
from dbsweep.selection.pick import ChoiceSettings, choice_settings
from dbsweep.selection.utility import utility_for
from tests.selection.curves import NAN, flat_card
from tests.selection.entrants import FAST, candidate, checkpoint, close, noisy, styled


def test_the_best_utility_wins() -> None:
    """3 / (1/.9 + 1/.81 + 1/.9) = 0.87; 3 / (1/1 + 1/.5 + 1/1) = 0.75; 3 / (1/.4 + 1/.4 + 1) = 0.5."""
    choice = choose(
        [
            candidate("t001", "b01", 120, 0.4, 1.0, 1.0),
            candidate("t002", "b02", 240, 1.0, 0.5, 1.0),
            candidate("t003", "b03", 360, 0.9, 0.9, 0.9),
        ],
        settings=FAST,
    )
    assert [(row.trial, round(row.utility, 2)) for row in choice.candidates] == [
        ("t003", 0.87),
        ("t002", 0.75),
        ("t001", 0.5),
    ]
    assert choice.best == choice.candidates[0]
    assert [row.on_front for row in choice.candidates] == [True, True, True]


def test_an_earlier_checkpoint_of_the_same_training_wins_where_it_costs_next_to_nothing() -> None:
    """The style differs by 0.02 ± 0.1 a sample: standard error 0.107/√8 = 0.038, a third of it in the utility."""
    choice = choose(close(0.05), settings=FAST)
    assert (choice.best.step, choice.candidates[0].step) == (200, 300)
    assert "Step 200 is the earliest that is as good up to chance (standard error 0.013, " in choice.reason
    assert "expected loss 0.010), and less training is safer." in choice.reason
    assert choose(close(0.05)).best.step == 300  # by default half of that is the most


def test_what_the_earlier_one_costs_is_seen_in_the_figures() -> None:
    """3 / (1/.8 + 1/.636 + 1/.8) = 0.7367 and 3 / (1/.8 + 1/.64 + 1/.8) = 0.7385, both 0.74."""
    wobble = np.tile([0.05, -0.05], 4)
    reason = choose([styled(200, 0.795 + wobble), styled(300, 0.8 - wobble)], settings=FAST).reason
    assert "Its utility is 0.737: the harmonic mean of" in reason
    assert "The highest of 2 checkpoints is 0.738, at step 300 of the same training." in reason


@pytest.mark.parametrize("settings", [ChoiceSettings(standard_errors=0.0), ChoiceSettings(tolerance=0.0)])
def test_either_setting_turns_it_off(settings: ChoiceSettings) -> None:
    assert choose(close(0.05), settings=settings).best.step == 300


def test_scores_that_can_hardly_tell_do_not_show_that_less_training_is_as_good() -> None:
    """Four times the scatter: still no worse but for chance, but the loss may be large."""
    choice = choose(close(0.2), settings=FAST)
    assert choice.best.step == 300
    assert "no earlier checkpoint of its training is shown to be as good" in choice.reason
    assert choose(close(0.2), settings=ChoiceSettings(tolerance=1.0, resamples=2000)).best.step == 200


def test_less_training_costs_no_more_than_was_allowed_however_noisy_the_scores_are() -> None:
    """Forty simulated trainings that improve to the end, with samples that scatter by 0.3: what the rule costs in true
    utility, against taking the best score, stays within the tolerance; within one standard error alone it does not."""
    curve = [(0.4, 0.9, 0.9), (0.55, 0.9, 0.9), (0.65, 0.9, 0.9), (0.75, 0.9, 0.9), (0.85, 0.9, 0.9)]
    truth = np.array([3 / sum(1 / value for value in level) for level in curve])
    sweeps = [noisy("b01", curve, scatter=0.3, seed=seed) for seed in range(40)]

    def mean_truth(standard_errors: float, tolerance: float) -> float:
        settings = ChoiceSettings(standard_errors, tolerance, resamples=1000)
        return float(np.mean([truth[choose(each, settings=settings).best.step // 100 - 1] for each in sweeps]))

    best = mean_truth(0.0, 0.0)
    assert best - mean_truth(1.0, 0.02) <= 0.02
    assert best - mean_truth(1.0, 1.0) > 0.02


def test_the_settings_are_those_of_the_experiment_file() -> None:
    stated = choice_settings(Choosing(standard_errors=2.0, tolerance=0.05))
    assert (stated.standard_errors, stated.tolerance) == (2.0, 0.05)
    assert choice_settings(Choosing()) == ChoiceSettings()


def test_the_standard_error_is_paired() -> None:
    """Both checkpoints scatter widely from seed to seed, but always by the same: their difference is certain."""
    style = np.array([0.2, 1.4, 0.5, 1.1, 0.3, 1.3, 0.6, 1.0])  # mean 0.8
    assert choose([styled(100, style - 0.05), styled(200, style)], settings=FAST).best.step == 200


def test_steps_of_other_trainings_do_not_compare() -> None:
    early = noisy("b01", [(0.79, 0.79, 0.79)], scatter=0.2)
    late = noisy("b02", [(0.1, 1.0, 1.0), (0.8, 0.8, 0.8)], scatter=0.2)
    assert choose([*early, *late], settings=FAST).best.checkpoint == "b02-000200"


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        ((("b01", 100), ("b02", 300)), "b01-000100"),  # the fork's parent is the same training
        ((("b01", 50), ("b02", 300)), "b02-000300"),  # forked before it
    ],
)
def test_a_parent_branch_is_the_same_training_up_to_the_fork(
    segments: tuple[tuple[str, int], ...], expected: str
) -> None:
    candidates = noisy("b01", [(0.79, 0.79, 0.79), (0.8, 0.8, 0.8), (0.8, 0.8, 0.8)], scatter=0.2)
    parent, _, child = candidates
    child = ("t002", checkpoint("b02", 300), child[2])
    paths = [
        TrialPath(trial="t000", segments=(("b00", 50),), end_step=50),  # another training
        TrialPath(trial="t002", segments=segments, end_step=300),
    ]
    best = choose(
        [parent, child], settings=ChoiceSettings(standard_errors=3.0, tolerance=1.0, resamples=2000), paths=paths
    ).best
    assert best.checkpoint == expected
    assert choose([parent, child], settings=FAST).best.checkpoint == "b02-000300"


def test_what_was_forked_from_the_best_is_no_less_training() -> None:
    """b02 goes on from b01, where the best is, and is worth less at step 200, whatever is allowed to be lost."""
    (_, _, best), (_, _, later) = noisy("b01", [(0.8, 0.8, 0.8), (0.7, 0.7, 0.7)], scatter=0.05)
    rows = [("t001", checkpoint("b01", 100), best), ("t002", checkpoint("b02", 200), later)]
    paths = [TrialPath(trial="t002", segments=(("b01", 100), ("b02", 300)), end_step=300)]
    bold = ChoiceSettings(standard_errors=100.0, tolerance=1.0, resamples=2000)
    assert choose(rows, settings=bold, paths=paths).best.checkpoint == "b01-000100"


def test_a_candidate_with_nan_is_never_chosen() -> None:
    choice = choose([candidate("t001", "b01", 100, NAN, 1.0, 1.0), candidate("t002", "b02", 200, 0.1, 0.1, 0.1)])
    assert choice.best.trial == "t002"
    assert choice.candidates[1].utility == 0.0
    assert not choice.candidates[1].on_front
    assert "Left out: 1 checkpoint whose scores are not numbers or whose images are noise." in choice.reason
    assert "the only checkpoint with scores" in choice.reason


def test_noise_that_scores_well_is_not_taken() -> None:
    """An encoder gives noise no fixed place; by its quality the verdict calls it collapsed."""
    quality = Score(value=0.3, low=0.3, high=0.3, samples=(0.3,) * 4)
    trial, at, scored = candidate("t001", "b01", 200, 0.9, 0.9, 0.9)
    noise = trial, at, scored.model_copy(update={"scores": {**scored.scores, Metric.QUALITY: quality}})
    sound = candidate("t001", "b01", 100, 0.5, 0.8, 0.8)
    utility = utility_for(Choosing(constraints=("identity >= 0.6",)), None)
    choice = choose([noise, sound], utility=utility)
    assert (choice.best.step, utility.shortfall(noise[2])) == (100, np.inf)
    assert [(row.step, row.utility > 0.0, row.on_front) for row in choice.candidates] == [
        (100, True, True),
        (200, False, False),
    ]
    assert "Left out: 1 checkpoint whose scores are not numbers or whose images are noise." in choice.reason
    with pytest.raises(RunError, match=r"of 1 scored checkpoint none has .* blank or noise"):
        choose([noise], utility=utility)
    lenient = utility_for(Choosing(), None, Judging(collapsed_quality=0.2))
    assert choose([noise, sound], utility=lenient).best.step == 200


def test_a_metric_that_the_base_cannot_give_has_no_say() -> None:
    """Utilities without style: 2 / (1/.5 + 1/.5) = 0.5 and 2 / (1/.8 + 1/.8) = 0.8."""
    utility = utility_for(Choosing(constraints=("style >= 0.9",)), flat_card(BASE, 0.0, NAN, 1.0))
    rows = [candidate("t001", "b01", 100, 0.5, NAN, 0.5), candidate("t002", "b02", 200, 0.8, NAN, 0.8)]
    choice = choose(rows, utility=utility)
    assert (choice.best.trial, round(choice.best.utility, 2)) == ("t002", 0.8)
    assert choice.best.unmet == ()
    assert choice.reason.startswith(
        "t002 at epoch 16 (step 200) has 0.80 of your photos' identity and 0.80 of the base model's prior (smoothed). "
        "Its utility is 0.80: the harmonic mean of identity and prior."
    )
    assert [row.on_front for row in choice.candidates] == [True, False]
    assert "style could not be measured and had no say" in choice.reason


def test_what_does_not_count_and_cannot_be_measured_keeps_nobody_off_the_front() -> None:
    """Identity has the weight 0, so nobody asked whether it can be measured."""
    utility = utility_for(Choosing(weights=Weights(identity=0.0)), flat_card(BASE, NAN, 1.0, 1.0))
    rows = [candidate("t001", "b01", 100, NAN, 0.5, 0.5), candidate("t002", "b02", 200, NAN, 0.6, 0.6)]
    assert [row.on_front for row in choose(rows, utility=utility).candidates] == [True, False]


def test_without_any_utility_the_most_identity_wins() -> None:
    choice = choose([candidate("t001", "b01", 100, -0.3, 1.0, 1.0), candidate("t002", "b02", 200, -0.1, 1.0, 1.0)])
    assert choice.best.trial == "t002"
    assert "No checkpoint has identity, style and prior all above 0" in choice.reason
    same = choose([candidate("t001", "b01", 100, -0.3, 1.0, 1.0), candidate("t001", "b01", 200, -0.1, 1.0, 1.0)])
    assert same.best.step == 200, "less training is no reason"


def test_without_utility_and_identity_the_order_of_the_candidates_does_not_matter() -> None:
    utility = utility_for(Choosing(weights=Weights(identity=0.0)), flat_card(BASE, NAN, 1.0, 1.0))
    rows = [candidate("t002", "b02", 100, NAN, -0.1, 1.0), candidate("t001", "b01", 100, NAN, -0.1, 1.0)]
    assert [choose(each, utility=utility).best.trial for each in (rows, rows[::-1])] == ["t001", "t001"]


def test_ties_go_to_fewer_steps_then_to_the_name_whatever_the_order() -> None:
    same = (0.8, 0.8, 0.8)
    candidates = [
        candidate("t001", "b01", 200, *same),
        candidate("t003", "b03", 100, *same),
        candidate("t002", "b02", 100, *same),
        candidate("t004", "b04", 50, 0.2, 0.2, 0.2),
    ]
    results: list[Choice] = []
    for seed in range(5):
        random.Random(seed).shuffle(candidates)
        results.append(choose(candidates, settings=FAST))
    assert [row.trial for row in results[0].candidates] == ["t002", "t003", "t001", "t004"]
    assert all(result == results[0] for result in results)


IDENTITY_TWICE = utility_for(Choosing(weights=Weights(identity=2.0), enough_style=0.7), None)


def test_weights_decide() -> None:
    """Equal weights: 3/(1/.6 + 1/.6 + 1/1) = 0.69 and 3/(1/.8 + 1/.56 + 1/.7) = 0.67. Identity twice, and 0.7 of style
    is all that counts: 4/(2/.6 + 1/.6 + 1) = 0.67 and 4/(2/.8 + 1/.8 + 1/.7) = 0.77."""
    rows = [candidate("t001", "b01", 100, 0.6, 1.0, 1.0), candidate("t002", "b02", 100, 0.8, 0.7, 0.7)]
    assert [round(row.utility, 2) for row in choose(rows).candidates] == [0.69, 0.67]
    weighed = choose(rows, utility=IDENTITY_TWICE)
    assert [(row.trial, round(row.utility, 2)) for row in weighed.candidates] == [("t002", 0.77), ("t001", 0.67)]
    assert weighed.formula == (
        "harmonic mean of identity (weight 2), style times identity (0.7 of style is enough) and prior"
    )
    assert f"Its utility is 0.77: the {weighed.formula}." in weighed.reason


def test_what_meets_the_constraints_goes_first_and_is_said() -> None:
    rows = [candidate("t001", "b01", 100, 0.55, 1.0, 1.0), candidate("t002", "b02", 100, 0.65, 0.4, 0.6)]
    choice = choose(rows, utility=utility_for(Choosing(constraints=("identity >= 0.6",)), None))
    assert [(row.trial, row.unmet) for row in choice.candidates] == [("t002", ()), ("t001", ("identity >= 0.6",))]
    assert "the highest of the 1 of 2 checkpoints that meets the constraints" in choice.reason
    assert "It meets `identity >= 0.6`." in choice.reason
    assert choice.rivals == (), "what must not be taken is no rival"
    # 3 / (1/.55 + 1/.55 + 1) = 0.65; t002 has 3 / (1/.65 + .7/.26 + 1/.6) = 0.51
    assert "Without the constraints t001 at epoch 8 (step 100), with utility 0.65, would be chosen." in choice.changes


def test_where_none_meets_the_constraints_the_nearest_is_taken_and_said() -> None:
    """Misses: 0.1 of identity; 0.05 of identity and 0.15 of prior, 0.2 together."""
    rows = [candidate("t001", "b01", 100, 0.5, 0.3, 0.9), candidate("t002", "b02", 100, 0.55, 0.9, 0.65)]
    choice = choose(rows, utility=utility_for(Choosing(constraints=("identity >= 0.6", "prior >= 0.8")), None))
    assert choice.best.trial == "t001"
    assert "No checkpoint meets all constraints; this one misses `identity >= 0.6` (0.50)." in choice.reason


@pytest.mark.parametrize(
    ("style", "finalists"), [(0.3, {"b01-000100", "b02-000100"}), (NAN, None)], ids=["left", "NaN"]
)
def test_one_that_meets_the_constraints_and_cannot_be_chosen_is_not_denied(
    style: float, finalists: set[str] | None
) -> None:
    rows = [candidate("t001", "b01", 100, 0.58, 0.8, 0.9), candidate("t002", "b02", 100, 0.55, 0.8, 0.9)]
    rows.append(candidate("t003", "b03", 100, 0.7, style, 0.9))
    limited = utility_for(Choosing(constraints=("identity >= 0.6",)), None)
    choice = choose(rows, settings=FAST, utility=limited, finalists=finalists)
    assert (choice.best.trial, choice.candidates[-1].unmet) == ("t001", ())
    assert "None that could be chosen meets all constraints; this one misses `identity >= 0.6` (0.58)." in choice.reason


def test_an_earlier_checkpoint_that_breaks_a_constraint_is_not_taken() -> None:
    rows = close(0.05)
    assert choose(rows, settings=FAST).best.step == 200
    limited = utility_for(Choosing(constraints=("style >= 0.79",)), None)
    assert choose(rows, settings=FAST, utility=limited).best.step == 300


def test_less_training_that_has_left_the_race_is_not_taken() -> None:
    """Cheap as the step back would be: its few images have not stayed in the race, so nobody knows it as closely."""
    rows = [*close(0.05), candidate("t002", "b02", 300, 0.7, 0.7, 0.7)]
    assert choose(rows, settings=FAST).best.step == 200
    assert choose(rows, settings=FAST, finalists={"b01-000300", "b02-000300"}).best.step == 300


def test_a_finalist_without_numbers_is_not_taken_before_one_that_has_them() -> None:
    rows = [candidate("t001", "b01", 100, 0.8, NAN, 0.8), candidate("t002", "b02", 100, 0.5, 0.5, 0.5)]
    assert choose(rows, finalists={"b01-000100"}).best.trial == "t002"


def test_a_sweep_of_noise_is_chosen_well() -> None:
    """Twenty simulated sweeps: the chosen checkpoint's true utility is on average within 0.05 of the true best."""
    curve = [(0.3, 0.95, 0.95), (0.6, 0.9, 0.9), (0.8, 0.8, 0.85), (0.85, 0.6, 0.7), (0.85, 0.3, 0.5)]
    truth = [3 / sum(1 / value for value in level) for level in curve]
    regrets = [
        max(truth) - truth[choose(noisy("b01", curve, scatter=0.15, seed=s), settings=FAST).best.step // 100 - 1]
        for s in range(20)
    ]
    assert np.mean(regrets) <= 0.05
