"""Onset, severity, AUC and false alarms against values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.selection_detection import auc, detection, severity, told_onset, true_onset
from benchmarks.selection_methods import Judged
from dbsweep.records.names import BASE
from dbsweep.selection.verdict_settings import VerdictSettings
from tests.benchmarks.selection_sweeps import GENTLE, HARD, TRUTH, subject, sweep, trial


@pytest.mark.parametrize(
    ("utility", "onset"),
    [
        ([0.2, 0.5, 0.7, 0.8], 4),  # rises to its end: none
        ([0.5, 0.6, 0.3, 0.1], 2),
        ([0.5, 0.6, 0.3, 0.55], 4),  # a dip that passes
        ([0.5, 0.6, 0.55, 0.51], 4),  # less than 0.1
        ([0.5, 0.6, 0.3, 0.6, 0.4], 4),  # the fall that lasts
    ],
)
def test_true_onset_is_where_utility_is_lost_for_good(utility: list[float], onset: int) -> None:
    assert true_onset(np.array(utility)) == onset


def test_told_onset_is_the_verdict_s() -> None:
    """HARD's style falls by 0.4 and its prior by 0.4 at the third checkpoint, while identity gains nothing."""
    curves = sweep(trial(GENTLE), trial(HARD, rate=1e-4))
    assert [told_onset(each, curves) for each in curves.trials] == [4, 2]


def test_severity_is_the_fall_that_identity_has_not_paid_for() -> None:
    """Of style 0.7 and of prior 0.5 is enough, and above it nothing is lost. HARD loses no more than that at first,
    then 0.4 of style for nothing, and last all but 0.1 of the 0.7, which is lost whatever was paid. With all of the
    prior, it pays 0.6 / 0.5 for 0.1 of it, then 0.2 / 0.5 for 0.1; at last 0.2 of the base's 1 are left, a fall of 0.8.
    """
    curves = sweep(trial(HARD))
    cards = [curves.base.card(BASE), *(point.card.card("c") for point in curves.trials[0].checkpoints)]
    assert severity(cards, VerdictSettings()) == pytest.approx([0.0, 0.0, 0.4, 0.6], abs=1e-4)
    assert severity(cards, VerdictSettings(enough_prior=1.0)) == pytest.approx([0.0, 0.0, 0.4, 0.8], abs=1e-4)


def test_auc_by_hand() -> None:
    """Positives 3, 2; negatives 1, 2, 0: of 6 pairs 5 are right and one is a tie."""
    scores, positive = np.array([3.0, 2.0, 1.0, 2.0, 0.0]), np.array([True, True, False, False, False])
    assert auc(scores, positive) == pytest.approx(5.5 / 6)
    assert np.isnan(auc(scores, np.ones(5, dtype=np.bool_)))


def test_detection_of_a_sweep_that_the_oracle_sees_alike() -> None:
    """GENTLE never, HARD from index 2: told right, and all of its severities are above all others."""
    found = detection([subject()])
    assert found["onset_within_1"] == 1.0
    assert found["auc"] == 1.0
    assert found["false_alarms"] == 0.0
    assert (found["trials"], found["overtrained_trials"]) == (2, 1)


def test_only_what_is_looked_at_tells() -> None:
    """Of eight checkpoints the defaults look at every second. HARD's onset, the third, is told one late; that another
    training has lost its style at its third goes unseen, which passes and is no overtraining."""
    fine = (*GENTLE[:2], (0.8, 0.1, 0.9), *GENTLE[3:] * 5)
    curves = sweep(trial(fine), trial(HARD + HARD[-1:] * 4, rate=1e-4))
    truth = np.array([[*TRUTH[0], *TRUTH[0, 3:].repeat(4)], [*TRUTH[1], *TRUTH[1, 3:].repeat(4)]])
    judged = Judged(curves, truth, np.array([truth, truth]))
    assert [told_onset(curves.trials[1], curves, look_every=every) for every in (1, 2)] == [2, 3]
    assert detection([judged], way="every")["auc"] < detection([judged])["auc"] == 1.0
    assert detection([judged])["onset_within_1"] == 1.0


def test_what_comes_after_the_end_of_a_training_is_neither_told_nor_asked_for() -> None:
    """HARD is ended at index 2, where its onset is told; had the oracle seen it at index 0, that would be missed."""
    assert told_onset(subject().curves.trials[1], subject().curves, end=1) == 4
    assert detection([subject()])["onset_as_ended"] == 1.0
    early = np.array([TRUTH[0], [0.5, 0.3, 0.2, 0.1]])
    late = np.array([TRUTH[0], [0.5, 0.5, 0.5, 0.5]])
    for truth, whole, ended in ((early, 1.0, 1.0), (late, 0.5, 1.0)):
        found = detection([Judged(subject().curves, truth, np.array([truth, truth]))])
        assert (found["onset_within_1"], found["onset_as_ended"]) == (whole, ended)


def test_a_verdict_that_the_oracle_does_not_share_is_a_false_alarm() -> None:
    fine = np.array([[0.2, 0.4, 0.7, 0.8], [0.5, 0.6, 0.65, 0.7]])
    found = detection([Judged(subject().curves, fine, np.array([fine, fine]))])
    assert found["false_alarms"] == 0.5
    assert found["onset_within_1"] == 0.5  # HARD: told 2, none is 4
    assert np.isnan(found["auc"])


def test_onset_next_to_the_true_one_counts() -> None:
    late = np.array([TRUTH[0], [0.5, 0.6, 0.6, 0.1]])
    assert detection([Judged(subject().curves, late, np.array([late, late]))])["onset_within_1"] == 1.0
