"""When style or prior is given away, and how surely it is seen."""

from __future__ import annotations

import numpy as np
import pytest

from dbsweep.config.choosing import Judging, Weights
from dbsweep.records.names import Metric
from dbsweep.records.results import Scorecard
from dbsweep.selection.overtraining import Unfair, find_overtraining, look_share, paired_samples, raises_alarm
from dbsweep.selection.resampling import Floats, resampled_means
from dbsweep.selection.verdict_settings import VerdictSettings
from tests.selection.curves import Level, base_card, card, flat_card, noisy_cards

FAST = VerdictSettings(resamples=2000)
GENTLE: list[Level] = [(0.3, 0.97, 0.97), (0.6, 0.9, 0.95), (0.8, 0.85, 0.92)]


def path(*levels: Level) -> list[Scorecard]:
    return [base_card(), *(flat_card(f"c{i}", *level) for i, level in enumerate(levels))]


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        pytest.param([], None, id="nothing yet"),
        pytest.param([(0.0, 1.0, 1.0)] * 4, None, id="nothing learnt"),
        pytest.param([(0.4, 0.9, 1.0), (0.8, 0.5, 1.0)], None, id="0.5 of style and 0.3 paid with 0.8 of identity"),
        pytest.param([*GENTLE, (0.8, 0.62, 0.9)], None, id="enough of the style is left"),
        pytest.param([*GENTLE, (0.8, 0.75, 0.9)], None, id="a fall of 0.1 does not matter"),
        pytest.param([*GENTLE, (0.82, 0.4, 0.9)], (Metric.STYLE, 3, 4), id="style"),
        pytest.param([*GENTLE, (0.82, 0.85, 0.3)], (Metric.PRIOR, 3, 4), id="prior"),
        pytest.param([*GENTLE, (0.82, 0.85, 0.55)], None, id="enough of the prior is left"),
        pytest.param([(0.03, 0.4, 1.0)], (Metric.STYLE, 0, 1), id="damage without learning"),
        pytest.param([(0.7, 0.8, 1.0), (0.78, 0.6, 1.0), (0.86, 0.4, 1.0)], (Metric.STYLE, 2, 3), id="0.08 for 0.2"),
        pytest.param([(0.7, 0.8, 1.0), (0.85, 0.45, 1.0)], None, id="0.15 for 0.25 is a fair price"),
        pytest.param([*GENTLE, (0.8, 0.4, 0.9), (0.8, 0.84, 0.9)], None, id="style comes back"),
        pytest.param([*GENTLE, (0.6, 0.85, 0.9)], None, id="identity falls alone"),
        pytest.param([(0.5, 1.3, 1.2), (0.5, 1.05, 1.0)], None, id="more than the base's is nothing to lose"),
        # 0.5 of identity for 0.48 of style; the harmonic mean falls from 0.52 to 0.06.
        pytest.param([(0.4, 0.5, 0.8), (0.9, 0.02, 0.8)], (Metric.STYLE, 0, 2), id="no gain pays for the last of it"),
        # Every fall is paid with identity, and the harmonic mean rises.
        pytest.param([(0.2, 0.4, 1.0), (0.5, 0.3, 1.0), (0.9, 0.2, 1.0)], (Metric.STYLE, 0, 3), id="a style is lost"),
        pytest.param([(0.2, 0.4, 1.0), (0.5, 0.3, 1.0), (0.9, 0.21, 1.0)], None, id="some of a style is left"),
        pytest.param([(0.2, 1.0, 1.0), (0.3, 1.0, 0.6), (0.9, 1.0, 0.1)], None, id="prior can come back"),
        # The utility of what counts falls from 3/(2/.6 + 1) = 0.69 to 3/(1/.75 + .7/(.45 · .75) + 1) = 0.68.
        pytest.param([(0.6, 1.0, 1.0), (0.75, 0.45, 0.55)], None, id="what is above enough makes no ruin"),
        pytest.param([*GENTLE, (0.8, 0.4, 0.9), (0.8, 0.1, 0.2)], (Metric.STYLE, 3, 4), id="the first of several"),
    ],
)
def test_onset_on_exact_curves(levels: list[Level], expected: tuple[Metric, int, int] | None) -> None:
    loss = find_overtraining(path(*levels), FAST)
    assert (loss and (loss.metric, loss.before, loss.after)) == expected


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        (Weights(), (Metric.STYLE, 3, 4)),
        (Weights(prior=0.0), (Metric.STYLE, 3, 4)),
        (Weights(style=0.0), (Metric.PRIOR, 3, 5)),
        (Weights(style=0.0, prior=0.0), None),
    ],
    ids=str,
)
def test_what_weighs_nothing_in_the_choice_is_not_missed(
    weights: Weights, expected: tuple[Metric, int, int] | None
) -> None:
    cards = path(*GENTLE, (0.82, 0.4, 0.9), (0.82, 0.4, 0.1))
    loss = find_overtraining(cards, VerdictSettings.stated(Judging(), weights))
    assert (loss and (loss.metric, loss.before, loss.after)) == expected


def test_what_has_no_weight_does_not_ruin_a_fair_exchange() -> None:
    """Style falls by 0.25 for 0.15 of identity, which is fair; that prior is gone makes it a ruin where it counts."""
    cards = path((0.7, 0.8, 0.9), (0.85, 0.45, 0.0))
    assert find_overtraining(cards, VerdictSettings.stated(Judging(), Weights(prior=0.0))) is None
    loss = find_overtraining(cards, VerdictSettings.stated(Judging()))
    assert loss is not None


def test_the_loss_carries_its_numbers() -> None:
    loss = find_overtraining(path((0.8, 0.82, 0.9), (0.81, 0.41, 0.9)), FAST)
    assert loss is not None
    assert (loss.drop, loss.low, loss.high, loss.gain) == pytest.approx((0.41, 0.41, 0.41, 0.01))


def test_looks_after_the_onset_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Style falls for good at the second of five checkpoints: there it is compared with the base and the first."""
    compared: list[int] = []

    def counted(samples: Floats, weights: Floats) -> Floats:
        compared.append(len(samples))
        return resampled_means(samples, weights)

    monkeypatch.setattr("dbsweep.selection.overtraining.resampled_means", counted)
    loss = find_overtraining(path((0.8, 0.82, 0.9), *[(0.81, 0.41, 0.9)] * 4), FAST)
    assert loss is not None
    assert (loss.after, compared) == (2, [2])


def test_samples_that_disagree_are_no_evidence() -> None:
    """Means 0.8 and 0.4; without scatter that is a fall, with one prompt up and the other down it is none."""
    before = np.array([0.8] * 8)
    after = np.array([1.3, 1.2, 1.4, 1.3, -0.5, -0.5, -0.4, -0.6])
    cards = [base_card()]
    for name, style in (("a", before), ("b", after)):
        cards.append(card(name, {Metric.IDENTITY: [0.8] * 4, Metric.STYLE: style, Metric.PRIOR: [0.9] * 4}))
    assert find_overtraining(cards, FAST) is None
    assert find_overtraining(path((0.8, 0.8, 0.9), (0.8, 0.4, 0.9)), FAST) is not None


def test_what_is_above_enough_keeps_its_scatter() -> None:
    """Style 1.05 ± 0.35, of which 0.7 counts, falls to 0.5: by 0.2 ± 0.35 a sample, which may be chance."""
    cards = [base_card()]
    for name, style in (("a", [1.4, 0.7] * 4), ("b", [0.5] * 8)):
        cards.append(card(name, {Metric.IDENTITY: [0.8] * 4, Metric.STYLE: style, Metric.PRIOR: [0.9] * 4}))
    cards[0] = card("base", {Metric.IDENTITY: [0.0] * 4, Metric.STYLE: [1.4, 0.6] * 4, Metric.PRIOR: [1.0] * 4})
    assert find_overtraining(cards, FAST) is None


def test_a_smaller_rise_than_asked_for_is_none() -> None:
    cards = path((0.5, 0.8, 0.9), (0.7, 0.5, 0.9))  # 0.2 of identity for 0.2 of what counts of style
    assert find_overtraining(cards, FAST) is None
    loss = find_overtraining(cards, VerdictSettings(identity_gain=0.25, resamples=2000))
    assert loss is not None
    assert loss.unfair is Unfair.UNPAID


def test_a_sample_missing_anywhere_is_left_out_everywhere() -> None:
    rows = [[0.1, np.nan, 0.3], [0.4, 0.5, 0.6]]
    cards = [card(str(i), {Metric.STYLE: row}) for i, row in enumerate(rows)]
    assert paired_samples(cards, Metric.STYLE) == pytest.approx(np.array([[0.1, 0.3], [0.4, 0.6]]))


def test_a_style_that_cannot_be_measured_has_no_say() -> None:
    cards = [
        card(str(i), {Metric.IDENTITY: [0.8] * 4, Metric.STYLE: [np.nan] * 8, Metric.PRIOR: [prior] * 4})
        for i, prior in enumerate((1.0, 0.9, 0.2))
    ]
    assert find_overtraining(cards[:2], FAST) is None
    loss = find_overtraining(cards, FAST)
    assert loss is not None
    assert loss.metric is Metric.PRIOR


def test_what_is_left_of_worth_is_asked_of_what_can_be_measured() -> None:
    """Prior falls to 0.02 for 0.5 of identity: 2/(1/.4 + 1) = 0.57 becomes 2/(1/.9 + 1/.04) = 0.08."""
    cards = [
        card(str(i), {Metric.IDENTITY: [identity] * 4, Metric.STYLE: [np.nan] * 8, Metric.PRIOR: [prior] * 4})
        for i, (identity, prior) in enumerate(((0.0, 1.0), (0.4, 0.5), (0.9, 0.02)))
    ]
    loss = find_overtraining(cards, FAST)
    assert loss is not None
    assert (loss.metric, loss.before, loss.unfair) == (Metric.PRIOR, 1, Unfair.RUINED)


def alarms(levels: list[Level], scatter: float, trials: int, settings: VerdictSettings) -> float:
    """Share of simulated trainings in which some look raises the alarm."""
    hits = 0
    for seed in range(trials):
        cards = [base_card(), *(c for _, c in noisy_cards(levels, scatter=scatter, seed=seed))]
        hits += any(find_overtraining(cards[: looks + 1], settings) is not None for looks in range(1, len(cards)))
    return hits / trials


@pytest.mark.parametrize("level", [(0.8, 0.85, 0.9), (0.0, 1.0, 1.0)], ids=["learned", "nothing learnt"])
def test_no_change_is_rarely_called_overtrained(level: Level) -> None:
    """A/A: 8 looks at a training that stays as it is; at most 5% of 200 trainings, however much samples scatter."""
    settings = VerdictSettings(resamples=2000, planned_looks=8)
    for scatter in (0.15, 0.3):
        assert alarms([level] * 8, scatter, 200, settings) <= 0.05


def test_a_clear_fall_is_found() -> None:
    """Style falls 0.4 below what is enough and stays there; samples scatter by 0.15, and 8 see it in at least 90%."""
    levels = [*GENTLE, (0.82, 0.2, 0.9), (0.82, 0.2, 0.9)]
    assert alarms(levels, 0.15, 100, FAST) >= 0.9


def test_the_onset_is_found_at_its_checkpoint() -> None:
    levels = [*GENTLE, (0.82, 0.15, 0.9), (0.82, 0.1, 0.8), (0.8, 0.05, 0.7)]
    onsets = []
    for seed in range(100):
        cards = [base_card(), *(c for _, c in noisy_cards(levels, scatter=0.15, seed=seed))]
        loss = find_overtraining(cards, FAST)
        onsets.append(loss.after if loss else 0)
    assert np.mean([abs(onset - 4) <= 1 for onset in onsets]) >= 0.95
    assert np.mean([onset == 4 for onset in onsets]) >= 0.9


@pytest.mark.parametrize("planned", [1, 4, 10])
def test_the_looks_share_the_whole_error_however_many_there_are(planned: int) -> None:
    """With 4 planned: 4/5, then 1/(5·6) + 1/(6·7) + … = 1/5 - 1/100,001 after 100,000 looks."""
    total = sum(look_share(look, planned) for look in range(1, 100_001))
    assert total == pytest.approx(1.0 - 1.0 / 100_001)
    assert look_share(planned, planned) == 1.0 / (planned + 1)


def test_a_training_is_alarmed_when_one_of_its_looks_is() -> None:
    for seed in range(15):
        cards = [base_card(), *(c for _, c in noisy_cards([*GENTLE, (0.8, 0.5, 0.9)], scatter=0.15, seed=seed))]
        looks = [cards[:count] for count in range(2, len(cards) + 1)]
        found = [find_overtraining(look, FAST) is not None for look in looks]
        assert any(found) == any(raises_alarm(look, FAST) for look in looks)


WAVES = np.array([[1, -1] * 4, [1, 1, -1, -1] * 2, [1] * 4 + [-1] * 4, [1, -1, -1, 1] * 2])
"""Scatter of eight samples, of checkpoints that have nothing in common."""


@pytest.mark.parametrize(
    ("earlier", "planned", "errors", "expected"),
    [
        # Of the 5% a single look has 1/2, style 1/2 of that: in the tail of 1.25% t of 7 degrees is 2.84.
        (1, 1, 2.5, False),
        (1, 1, 2.9, True),
        # The first of nine looks has 1/10 of it: 4.0 in the tail of 0.25%.
        (1, 9, 3.9, False),
        (1, 9, 4.2, True),
        # The largest of four differences: each must be larger, and is known more exactly by 14 degrees.
        (4, 9, 3.0, False),
        (4, 9, 3.6, True),
    ],
)
def test_how_many_standard_errors_are_more_than_chance(
    earlier: int, planned: int, errors: float, expected: bool
) -> None:
    """Style falls by 0.4 from 0.7, without identity."""
    scatter = 0.4 / errors * np.sqrt(7)  # s/√8 = 0.4 / errors, and s² = scatter² · 8/7
    styles = [*(0.7 + scatter * WAVES[:earlier]), np.full(8, 0.3)]
    flat = {Metric.IDENTITY: [0.0] * 4, Metric.PRIOR: [1.0] * 4}
    cards = [card(str(place), {**flat, Metric.STYLE: style}) for place, style in enumerate(styles)]
    assert (find_overtraining(cards, VerdictSettings(planned_looks=planned)) is not None) is expected


TAIL = np.array([-1.0] * 7 + [7.0])
"""Seven samples alike and one far above them: s/√8 = √(56/7)/√8 = 1."""


def prior_path(*priors: Floats) -> list[Scorecard]:
    """Without identity, and with a whole style."""
    flat = {Metric.IDENTITY: [0.0] * 4, Metric.STYLE: [1.0] * 8}
    return [card(str(place), {**flat, Metric.PRIOR: prior}) for place, prior in enumerate(priors)]


@pytest.mark.parametrize(("tail", "expected"), [(TAIL, False), (-TAIL, True)], ids=["upwards", "downwards"])
def test_a_prior_that_few_samples_hold_up_is_no_fall_from_the_base_model(tail: Floats, expected: bool) -> None:
    """Prior falls by 0.4 from the 0.5 that counts, by five standard errors: where most samples are low and one is high,
    others of its kind may have been missed by chance. Skewness -2.83, so T = 5 - 8.33 + 4.63 - 0.17 = 1.13."""
    cards = prior_path(np.ones(8), 0.1 + 0.08 * tail)
    assert (find_overtraining(cards, VerdictSettings(planned_looks=1)) is not None) is expected


def test_a_prior_that_few_samples_hold_up_is_a_fall_from_a_checkpoint() -> None:
    """What scatters at both differs upwards as often as downwards where nothing changes, so t's tail is enough."""
    loss = find_overtraining(prior_path(np.ones(8), 0.5 + 0.01 * WAVES[0], 0.1 + 0.08 * TAIL), VerdictSettings())
    assert loss is not None
    assert (loss.before, loss.after) == (1, 2)
