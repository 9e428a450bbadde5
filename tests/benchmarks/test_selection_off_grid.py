"""Sweeps of two of three rates: which trials are left, and that others are not asked for."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.selection_curves import SubjectCurves
from benchmarks.selection_methods import Judged, judged
from benchmarks.selection_off_grid import COMPARED, off_grid
from tests.benchmarks.selection_sweeps import GENTLE, HARD, settings_sweep, subject, sweep, trial


@pytest.fixture(scope="module")
def curves() -> SubjectCurves:
    """Listed from the middle. The gentle rates are behind HARD at their second checkpoint, and better at the end."""
    return sweep(trial(GENTLE, rate=3e-5), trial(HARD, rate=1e-4), trial(GENTLE, rate=1e-5))


def test_each_pair_is_run_by_each_way(curves: SubjectCurves) -> None:
    found = off_grid([judged(curves)])
    pairs = ("low and middle", "low and high", "middle and high")
    assert list(found) == [f"{pair}, {way}" for pair in pairs for way in COMPARED]
    # Two gentle ones never end each other; HARD has one checkpoint of four that is not trained.
    assert found["low and middle, spaced_patient"]["steps_saved"] == 1.0
    assert found["low and high, spaced_patient"]["steps_saved"] == pytest.approx(80 / 70)
    # In the middle of its training the gentle one is behind, and ended where it may not catch up.
    assert found["low and high, spaced"]["steps_saved"] == pytest.approx(80 / 50)
    assert {row["regret"] for row in found.values()} == {0.0}  # to this oracle all checkpoints are alike


def test_of_other_sweeps_nothing_is_told() -> None:
    settings = settings_sweep()
    truth = np.zeros((len(settings.trials), 4))
    assert off_grid([subject()]) == off_grid([Judged(settings, truth, np.array([truth, truth]))]) == {}
