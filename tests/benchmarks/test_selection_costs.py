"""Costs counted by hand: a step 6 evaluations, a scorecard 100, the base model's 8 images a prompt 200."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.selection_costs import asha, bounds, costs, foreseen_ends, grid, steps_saved, tree
from benchmarks.selection_methods import Judged
from tests.benchmarks.selection_sweeps import GENTLE, HARD, settings_sweep, subject, sweep, trial


def test_the_grid_trains_every_length_by_itself() -> None:
    """Each trial: (10 + 20 + 30 + 40) * 6 + 4 * 100 = 1000."""
    assert grid(subject()).evaluations == 100 + 2 * 1000


def test_ours_trains_each_rate_once_and_ends_it_when_outrun_or_overtrained() -> None:
    """GENTLE: 40 * 6 + 4 * 100. HARD ends at its third checkpoint; by halving GENTLE does, too. GENTLE is behind at its
    second, the middle: by default it ends there."""
    assert tree(subject()).evaluations == 400 + (20 * 6 + 2 * 100) + (30 * 6 + 3 * 100)
    assert tree(subject(), "spaced_patient").evaluations == 400 + 640 + (30 * 6 + 3 * 100)
    assert tree(subject(), "every_halved").evaluations == 400 + 2 * (30 * 6 + 3 * 100)
    curves = sweep(trial(GENTLE + GENTLE[-1:] * 3), trial(HARD + HARD[-1:] * 3, rate=1e-4))
    truth = np.array([[0.2, 0.4, 0.7, 0.8, 0.8, 0.8, 0.8], [0.5, 0.6, 0.3, 0.1, 0.1, 0.1, 0.1]])
    judged = Judged(curves, truth, np.array([truth, truth]))
    assert tree(judged).evaluations == 400 + (70 * 6 + 7 * 100) + (30 * 6 + 3 * 100)
    assert steps_saved([judged]) == pytest.approx((140 / 100, 0.0))
    assert steps_saved([judged], "every_halved") == pytest.approx((140 / 100, 0.0))


def test_trials_without_class_images_cost_half_of_the_steps() -> None:
    """Each trial at four lengths: 100 steps and four cards, four trials with class images and four without."""
    truth = np.full((8, 4), 0.5)
    judged = Judged(settings_sweep(), truth, np.array([truth, truth]))
    assert grid(judged).evaluations == 100 + 4 * (100 * 6 + 400) + 4 * (100 * 3 + 400)
    alone = judged.ours["whole"]
    assert alone.ends == (3,) * 8
    assert tree(judged, "whole").evaluations == (
        400 + 4 * (40 * 6 + 400) + 4 * (40 * 3 + 400) + alone.raced.images * 100 / 4
    )


def test_images_of_the_race_are_paid_for() -> None:
    """Six of each prompt in all; a scorecard's four cost 100."""
    raced = subject()
    ours = raced.ours["spaced"]
    raced.ours["spaced"] = replace(ours, raced=replace(ours.raced, images=6))
    assert tree(raced).evaluations == tree(subject()).evaluations + 150


def test_asha_scores_at_rungs_and_ends_and_takes_the_best_last_result() -> None:
    """GENTLE first: its last checkpoint passes the rungs at 1 and 3, as the first there; HARD's is ended at rung 1? No:
    its first checkpoint is better than GENTLE's. It goes to rung 3, where GENTLE's is better, and ends."""
    found = asha(subject().curves, [(0, 3), (1, 3)])
    assert found.evaluations == 100 + (40 * 6 + 3 * 100) + (30 * 6 + 2 * 100)
    assert found.place == (0, 3)


def test_asha_ends_what_is_not_among_the_best() -> None:
    """HARD first: GENTLE is worse at rung 1, and ends there; HARD goes on alone."""
    found = asha(subject().curves, [(1, 3), (1, 2), (0, 3)])
    hard, shorter, gentle = 40 * 6 + 3 * 100, 30 * 6 + 2 * 100, 10 * 6 + 100
    assert found.evaluations == 100 + hard + shorter + gentle


def test_ratios_and_what_the_choices_are_worth() -> None:
    found = costs([subject()], "spaced_patient")
    assert found["cost_vs_grid"] == pytest.approx(2100 / 1520)
    assert found["steps_vs_grid"] == pytest.approx(2 * (10 + 20 + 30 + 40) / (40 + 30))
    assert found["dbsweep_behind"] == 0.0
    assert found["cost_vs_asha"] > 1.0


def test_nobody_could_save_more_than_by_knowing_the_best_beforehand() -> None:
    """GENTLE is best at its end, so HARD alone can be spared: from its first checkpoint on, or from its second, which
    is the first look where they are spaced. Steps: 80 / (40 + 10) and 80 / (40 + 20). The base model's images cost 100
    without a race, the grid 2100 in all."""
    found = bounds([subject()])
    assert found["every_1"] == pytest.approx({"steps_saved": 80 / 50, "cost_vs_grid": 2100 / (100 + 300 + 500)})
    assert found["every_2"] == pytest.approx({"steps_saved": 80 / 60, "cost_vs_grid": 2100 / (100 + 360 + 600)})


@pytest.mark.parametrize(
    ("needed", "look_every", "ends"), [(1, 1, (2, 0)), (2, 1, (2, 1)), (4, 1, (3, 3)), (1, 2, (3, 1)), (1, 3, (2, 2))]
)
def test_the_best_training_goes_on_to_the_look_at_which_it_has_been_at_its_best(
    needed: int, look_every: int, ends: tuple[int, int]
) -> None:
    """GENTLE is best at its third checkpoint, HARD is given up as soon as it may be."""
    truth = np.array([[0.2, 0.4, 0.9, 0.8], [0.5, 0.6, 0.3, 0.1]])
    assert foreseen_ends(subject(truth), needed, look_every) == ends
