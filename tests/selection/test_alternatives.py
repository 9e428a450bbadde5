"""The best of other trials, what they would need, and what other weights would take."""

from __future__ import annotations

import pytest

from dbsweep.config.choosing import Choosing
from dbsweep.records.names import Metric
from dbsweep.records.plan import TrialPath
from dbsweep.selection.choice import choose
from dbsweep.selection.pick import ChoiceSettings
from dbsweep.selection.utility import utility_for
from tests.selection.curves import card
from tests.selection.entrants import FAST, candidate, checkpoint, close


def test_the_best_of_another_trial_is_the_rival() -> None:
    choice = choose([candidate("t001", "b01", 100, 0.8, 0.8, 0.8), candidate("t002", "b02", 60, 0.6, 0.6, 0.6)])
    assert "That is the highest of 2 checkpoints" in choice.reason
    rival = choice.rivals[0]
    assert (rival.candidate.trial, round(rival.lead, 2)) == ("t002", 0.25)


def test_the_three_best_of_other_trials_that_are_worth_anything_are_rivals() -> None:
    levels = (0.8, 0.5, 0.7, 0.6, 0.4)
    rows = [candidate(f"t{i}", f"b{i}", 100, level, 0.8, 0.8) for i, level in enumerate(levels)]
    assert [rival.candidate.trial for rival in choose(rows).rivals] == ["t2", "t3", "t1"]
    nothing = candidate("t5", "b5", 100, 0.9, -0.1, 0.9)
    assert [rival.candidate.trial for rival in choose([*rows[:2], nothing]).rivals] == ["t1"]


def test_sensitivity_names_the_smallest_change_of_weight_that_changes_the_choice() -> None:
    """Identity twice as heavy turns it: 4/(2/.6 + 1/.6 + 1) = 0.67 against 4/(2/.8 + 1/.56 + 1/.7) = 0.70. Prior half
    as heavy does: 2.5/(2/.6 + .5) = 0.652 against 2.5/(1/.8 + 1/.56 + .5/.7) = 0.667. No weight of style does."""
    rows = [candidate("t001", "b01", 100, 0.6, 1.0, 1.0), candidate("t002", "b02", 100, 0.8, 0.7, 0.7)]
    choice = choose(rows)
    found = {change.metric: (change.factor, change.best.trial) for change in choice.sensitivity}
    assert found == {
        Metric.IDENTITY: (2.0, "t002"),
        Metric.PRIOR: (0.5, "t002"),
    }
    assert "If identity counted twice as much, t002 at epoch 8 (step 100) would win." in choice.changes


def test_what_a_rival_needs_is_told() -> None:
    """t001 has 3/(2/.8 + 1/.64) = 0.74 and t002 3/(1/.8 + 1/.64 + 1/.4) = 0.56, which differ by their prior alone."""
    choice = choose([candidate("t001", "b01", 100, 0.8, 0.8, 0.8), candidate("t002", "b02", 60, 0.8, 0.8, 0.4)])
    needs = choice.rivals[0].needs
    assert needs is not None
    assert (needs[0], round(needs[1], 6)) == (Metric.PRIOR, 0.8)
    assert choice.changes[0] == (
        "The best of another trial is t002 at epoch 5 (step 60) with utility 0.56: 0.17 less (95% interval 0.17 less "
        "to 0.17 less), which is more than chance. With prior 0.80 instead of 0.40 it would draw level."
    )


def test_what_a_rival_has_enough_of_is_not_what_it_needs() -> None:
    """Half of the style is all that counts; t002 would draw level with t001, 3/(2/.8 + 1/.8) = 0.8, by its prior."""
    utility = utility_for(Choosing(enough_style=0.5), None)
    rows = [candidate("t001", "b01", 100, 0.8, 0.5, 0.8), candidate("t002", "b02", 60, 0.8, 0.5, 0.6)]
    needs = choose(rows, utility=utility).rivals[0].needs
    assert needs is not None
    assert (needs[0], round(needs[1], 6)) == (Metric.PRIOR, 0.8)


def test_the_way_to_the_choice_is_no_rival_and_what_it_was_forked_from_has_a_say() -> None:
    """t002 goes on from t001, which is as good but for chance. Where style counts four times, it is not."""
    early, late = close(0.05)
    late = ("t002", checkpoint("b02", 300), late[2])
    paths = [TrialPath(trial="t002", segments=(("b01", 200), ("b02", 300)), end_step=300)]
    choice = choose([early, late], settings=ChoiceSettings(tolerance=0.015, resamples=2000), paths=paths)
    assert (choice.best.trial, choice.candidates[0].trial, choice.rivals) == ("t001", "t002", ())
    assert [(each.metric, each.factor, each.best.trial) for each in choice.sensitivity] == [
        (Metric.STYLE, 4.0, "t002"),
    ]


def test_a_finalist_that_is_worth_nothing_over_the_images_it_shares_with_a_rival() -> None:
    """Four images of t001 have no style, four more have 0.9 of it; t002 has drawn the first four alone."""
    samples = {Metric.IDENTITY: [0.5] * 8, Metric.STYLE: [-0.1] * 4 + [0.9] * 4, Metric.PRIOR: [0.5] * 8}
    few = {Metric.IDENTITY: [0.5] * 4, Metric.STYLE: [0.8] * 4, Metric.PRIOR: [0.5] * 4}
    at, behind = checkpoint("b01", 100), checkpoint("b02", 100)
    rows = [("t001", at, card(at.id, samples)), ("t002", behind, card(behind.id, few))]
    rival = choose(rows, settings=FAST, finalists={at.id}).rivals[0]
    assert (rival.candidate.trial, rival.needs) == ("t002", None)
    assert rival.lead == pytest.approx(-rival.candidate.utility)
