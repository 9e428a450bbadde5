"""The choice in words that can be checked against the numbers."""

from __future__ import annotations

import numpy as np

from dbsweep.config.choosing import Choosing, Weights
from dbsweep.records.names import BASE, Metric
from dbsweep.selection.choice import choose
from dbsweep.selection.utility import utility_for
from tests.selection.curves import NAN, card, flat_card
from tests.selection.entrants import FAST, candidate, checkpoint, noisy, styled


def test_one_candidate_is_the_choice() -> None:
    choice = choose([candidate("t001", "b01", 120, 0.8, 0.7, 0.9)])
    assert choice.best.on_front
    assert choice.reason == (
        "t001 at epoch 10 (step 120) has 0.80 of your photos' identity, 0.70 of the base model's style and 0.90 of its "
        "prior (smoothed). Its utility is 0.72: the harmonic mean of identity, style times identity and prior. It is "
        "the only checkpoint with scores and weights, so there was nothing to compare."
    )


def test_a_level_just_below_nothing_reads_as_nothing() -> None:
    choice = choose([candidate("t001", "b01", 120, -0.001, 0.7, -0.002)])
    assert "has 0.00 of your photos' identity, 0.70 of the base model's style and 0.00 of its prior" in choice.reason


def test_a_choice_that_is_worth_nothing_is_not_said_to_be_all_there_is() -> None:
    """The only one that meets the constraint has lost the style; the other is worth 3/(1/.5 + 1/.4 + 1/.8) = 0.52."""
    rows = [candidate("t001", "b01", 100, 0.9, -0.1, 0.9), candidate("t002", "b02", 100, 0.5, 0.8, 0.8)]
    limited = utility_for(Choosing(enough_style=1.0, constraints=("identity >= 0.6",)), None)
    choice = choose(rows, utility=limited)
    assert choice.best.trial == "t001"
    assert "No checkpoint has" not in choice.reason
    assert "That is the highest of the 1 of 2 checkpoints that meets the constraints" in choice.reason
    assert "Without the constraints t002 at epoch 8 (step 100), with utility 0.52, would be chosen." in choice.changes
    assert "all above 0; this is only the nearest to the constraints." in choose(rows[:1], utility=limited).reason


def test_what_constraints_cost_is_seen_in_the_figures() -> None:
    """3 / (1/.8 + 1/.64 + 1/.8) = 0.7385 and 3 / (1/.8 + 1/.648 + 1/.799) = 0.742, both 0.74."""
    rows = [candidate("t001", "b01", 100, 0.8, 0.8, 0.8), candidate("t002", "b02", 100, 0.8, 0.81, 0.799)]
    limited = utility_for(Choosing(enough_style=1.0, enough_prior=1.0, constraints=("prior >= 0.8",)), None)
    choice = choose(rows, utility=limited)
    assert "(step 100), with utility 0.742, would be chosen." in choice.changes[-1]


def test_the_reason_says_how_much_is_enough() -> None:
    """3 / (1/.8 + 1/.8 + 1) = 0.86: 0.75 of style and 0.6 of prior are whole."""
    utility = utility_for(Choosing(enough_style=0.7, enough_prior=0.5), None)
    choice = choose([candidate("t001", "b01", 100, 0.8, 0.75, 0.6)], utility=utility)
    assert (
        "Its utility is 0.86: the harmonic mean of identity, style times identity (0.7 of style is enough) "
        "and prior (0.5 is enough)."
    ) in choice.reason


def test_a_choice_that_no_weight_changes_says_so() -> None:
    choice = choose([candidate("t001", "b01", 100, 0.8, 0.8, 0.8), candidate("t002", "b02", 60, 0.6, 0.6, 0.6)])
    assert choice.sensitivity == ()
    assert "No single weight changes it, from a quarter as much to four times as much." in choice.changes


def test_a_lead_that_is_chance_asks_for_more_images() -> None:
    rows = [*noisy("b01", [(0.8, 0.8, 0.8)], scatter=0.3), *noisy("b02", [(0.79, 0.8, 0.8)], scatter=0.3, seed=2)]
    choice = choose(rows, settings=FAST)
    assert choice.rivals[0].low < 0.0
    assert "which may be chance. More images per prompt (evaluate.images_per_prompt)" in choice.changes[0]
    raced = choose(rows, settings=FAST, finalists={at.id for _, at, _ in rows})
    assert "which may be chance. More images per prompt (evaluate.race.images_per_prompt)" in raced.changes[0]
    left = choose(rows, settings=FAST, finalists={rows[0][1].id})  # the rival has drawn no more than the first look
    assert "which may be chance. More images per prompt (evaluate.images_per_prompt)" in left.changes[0]


def test_only_the_best_of_the_other_trials_is_told_of() -> None:
    levels = (0.8, 0.7, 0.6)
    choice = choose([candidate(f"t{i}", f"b{i}", 100, level, 0.8, 0.8) for i, level in enumerate(levels)])
    assert [sentence[:31] for sentence in choice.changes if "another trial" in sentence] == [
        "The best of another trial is t1"
    ]
    assert len(choice.rivals) == 2


def test_what_a_constraint_misses_is_told_with_what_there_is() -> None:
    """As many decimals as it takes to see that it misses; scores that are not in the table of candidates too."""
    asked = ("identity >= 0.6", "diversity >= 0.9", "faces >= 0.5")
    level = {Metric.IDENTITY: 0.5996, Metric.STYLE: 0.8, Metric.PRIOR: 0.8, Metric.DIVERSITY: 0.4, Metric.FACES: NAN}
    at = checkpoint("b01", 100)
    scored = card(at.id, {metric: [value] * 4 for metric, value in level.items()})
    reason = choose([("t001", at, scored)], utility=utility_for(Choosing(constraints=asked), None)).reason
    assert (
        "No checkpoint meets all constraints; this one misses `identity >= 0.6` (0.5996), `diversity >= 0.9` (0.40) "
        "and `faces >= 0.5` (not a number)."
    ) in reason


def test_trials_that_score_alike_need_no_more_images() -> None:
    rows = [*noisy("b01", [(0.8, 0.8, 0.8)], scatter=0.3), *noisy("b02", [(0.8, 0.8, 0.8)], scatter=0.3)]
    choice = choose(rows, settings=FAST)
    assert (choice.rivals[0].low, choice.rivals[0].high) == (0.0, 0.0)
    assert choice.changes[0].endswith(
        f"with utility {choice.rivals[0].candidate.utility:.2f}, the same: they differ by less than 0.01 with 95% "
        "confidence."
    )


def test_a_lead_that_rounds_to_nothing_has_no_side() -> None:
    wobble = np.tile([0.1, -0.1], 4)
    choice = choose([styled(100, 0.6 + wobble), ("t002", *styled(90, 0.6 - wobble)[1:])], settings=FAST)
    assert f"with utility {choice.rivals[0].candidate.utility:.2f}: as much (95% interval" in choice.changes[0]


def test_what_is_enough_in_two_trials_is_not_to_be_told_apart_by_more_images() -> None:
    utility = utility_for(Choosing(weights=Weights(identity=0, style=0), enough_prior=0.5), flat_card(BASE, 0, 1, 1))
    rows = [candidate("t001", "b01", 100, 0.58, 0.8, 0.9), candidate("t002", "b02", 100, 0.55, 0.8, 0.8)]
    (rival, *_) = choose(rows, utility=utility, settings=FAST).changes
    assert rival.endswith("with utility 1.00, the same: what counts does not tell the two apart.")
