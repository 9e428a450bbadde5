"""States and evidence sentences of verdicts."""

from __future__ import annotations

import numpy as np
import pytest

from dbsweep.config.choosing import Judging
from dbsweep.records.names import BASE, Metric, VerdictState
from dbsweep.records.results import Score, Scorecard, Verdict
from dbsweep.selection.utility import JUDGED
from dbsweep.selection.verdict import judge
from dbsweep.selection.verdict_settings import VerdictSettings
from tests.selection.curves import NAN, Level, base_card, card, flat_card, steps


@pytest.mark.parametrize(
    ("levels", "finished", "state", "onset"),
    [
        ([], False, VerdictState.LEARNING, None),
        ([], True, VerdictState.UNDERTRAINED, None),
        ([(0.2, 1.0, 1.0)], False, VerdictState.LEARNING, None),
        ([(0.2, 1.0, 1.0)], True, VerdictState.UNDERTRAINED, None),
        ([(0.2, 1.0, 1.0), (0.5, 0.9, 0.9)], False, VerdictState.READY, None),
        ([(0.8, 0.8, 0.9)], True, VerdictState.READY, None),
        ([(0.8, 0.8, 0.9), (0.8, 0.3, 0.9)], False, VerdictState.OVERTRAINED, 240),
        ([(0.8, 0.8, 0.9), (0.8, 0.3, 0.9), (0.8, 0.3, 0.9)], True, VerdictState.OVERTRAINED, 240),
        ([(0.8, 0.8, 0.9), (NAN, 0.3, 0.9)], False, VerdictState.COLLAPSED, 240),
        ([(0.1, 0.05, -0.4)], False, VerdictState.COLLAPSED, 120),
        ([(0.1, 0.05, 0.4)], False, VerdictState.OVERTRAINED, 120),
        ([(0.8, 0.8, 0.9), (0.8, 0.2, 0.9), (0.0, 0.0, 0.0)], True, VerdictState.COLLAPSED, 360),
    ],
)
def test_states(levels: list[Level], finished: bool, state: VerdictState, onset: int | None) -> None:
    verdict = judge(steps(*levels), base_card(), finished=finished, steps_per_epoch=12)
    assert (verdict.state, verdict.onset_step) == (state, onset)


def test_an_undertrained_trial_gets_advice() -> None:
    verdict = judge(steps((0.2, 1.0, 1.0)), base_card(), finished=True, steps_per_epoch=12)
    assert verdict.evidence.endswith("identity 0.50 counts as ready: train longer or with a higher learning rate")


@pytest.mark.parametrize(
    ("identity", "state", "told"),
    [
        (0.496, VerdictState.LEARNING, "identity 0.496, style 0.900, prior 0.900 at epoch 10; identity 0.500"),
        (0.504, VerdictState.READY, "identity 0.504, style 0.900, prior 0.900 at epoch 10; identity 0.500"),
        (0.5, VerdictState.READY, "identity 0.50, style 0.90, prior 0.90 at epoch 10; identity 0.50"),
    ],
)
def test_whether_identity_is_enough_is_seen_in_the_figures(identity: float, state: VerdictState, told: str) -> None:
    verdict = judge(steps((identity, 0.9, 0.9)), base_card(), finished=False, steps_per_epoch=12)
    assert (verdict.state, verdict.evidence) == (state, f"{told} counts as ready")


def with_quality(scored: Scorecard, quality: float) -> Scorecard:
    value = Score(value=quality, low=quality, high=quality, samples=(quality,) * 4)
    return scored.model_copy(update={"scores": {**scored.scores, Metric.QUALITY: value}})


@pytest.mark.parametrize(
    ("quality", "limit", "state"),
    [
        (0.45, 0.5, VerdictState.COLLAPSED),
        (0.5, 0.5, VerdictState.COLLAPSED),
        (0.85, 0.5, VerdictState.READY),
        (0.85, 0.9, VerdictState.COLLAPSED),
    ],
)
def test_noise_is_collapsed_whatever_clip_says_of_it(quality: float, limit: float, state: VerdictState) -> None:
    settings = VerdictSettings.stated(Judging(collapsed_quality=limit))
    cards = [(step, with_quality(scored, quality)) for step, scored in steps((0.8, 0.8, 0.9))]
    verdict = judge(cards, with_quality(base_card(), 1.0), finished=False, steps_per_epoch=12, settings=settings)
    assert verdict.state is state
    if state is VerdictState.COLLAPSED:
        assert verdict.onset_step == 120
        assert verdict.evidence.startswith(f"at epoch 10 the images are noise, blurred or burnt: quality {quality:.2f}")


@pytest.mark.parametrize("bad", [(0.02, 0.03, 0.0), (0.5, NAN, NAN)])
def test_a_collapse_that_a_later_checkpoint_takes_back_does_not_count(bad: Level) -> None:
    fine, later = (0.7, 0.9, 0.9), (0.75, 0.88, 0.9)

    def verdict(*levels: Level) -> Verdict:
        return judge(steps(*levels), base_card(), finished=False, steps_per_epoch=12)

    assert verdict(fine, bad).state is VerdictState.COLLAPSED
    assert verdict(fine, bad, later).state is VerdictState.READY
    again = verdict(fine, bad, later, bad, bad)
    assert (again.state, again.onset_step) == (VerdictState.COLLAPSED, 480)
    fallen = verdict(fine, bad, (0.7, 0.3, 0.9))
    assert (fallen.state, fallen.onset_step) == (VerdictState.OVERTRAINED, 360)


def test_pictures_without_a_face_are_no_collapse() -> None:
    def seen(level: Level, faces: float) -> Scorecard:
        rate = Score(value=faces, low=faces, high=faces, samples=(faces,) * 4)
        whole = flat_card("c", *level)
        return whole.model_copy(update={"scores": {**whole.scores, Metric.FACES: rate}})

    def verdict(*levels: Level) -> Verdict:
        cards = [(120 * (i + 1), seen(level, 0.5)) for i, level in enumerate(levels)]
        return judge(cards, seen((0.0, 1.0, 1.0), 1.0), finished=False, steps_per_epoch=12)

    turned = verdict((0.7, 0.9, 0.9), (NAN, 0.5, 0.9))
    assert turned.state is VerdictState.LEARNING
    assert turned.evidence == "identity cannot be measured: 50% of the pictures at epoch 20 show a face"
    assert verdict((NAN, NAN, NAN)).state is VerdictState.COLLAPSED


def test_one_sample_says_nothing_about_chance() -> None:
    def lone(name: str, *level: float) -> Scorecard:
        return card(name, {metric: [value] for metric, value in zip(JUDGED, level, strict=True)})

    verdict = judge(
        [(120, lone("a", 0.8, 0.9, 0.9)), (240, lone("b", 0.8, 0.1, 0.9))],
        lone(BASE, 0.0, 1.0, 1.0),
        finished=False,
        steps_per_epoch=12,
    )
    assert verdict.state is VerdictState.READY


def test_the_level_asked_for_is_a_setting() -> None:
    settings = VerdictSettings(ready_identity=0.75)
    assert (
        judge(steps((0.7, 1.0, 1.0)), base_card(), finished=False, steps_per_epoch=12, settings=settings).state
        is VerdictState.LEARNING
    )


def unmeasurable(metric: Metric, *levels: Level) -> list[Scorecard]:
    """The base's card and one a level, on all of which a metric is NaN."""
    cards = [base_card(), *(card for _, card in steps(*levels))]
    return [card(c.checkpoint, {m: [NAN] * 4 if m is metric else c.scores[m].samples for m in c.scores}) for c in cards]


def test_a_metric_that_the_base_cannot_give_is_no_collapse() -> None:
    base, *cards = unmeasurable(Metric.STYLE, (0.2, 1.0, 1.0), (0.7, 1.0, 0.9))
    verdict = judge([(100, cards[0]), (200, cards[1])], base, finished=False, steps_per_epoch=12)
    assert verdict.state is VerdictState.READY
    assert verdict.evidence == "identity 0.70, prior 0.90 at epoch 16; identity 0.50 counts as ready"


def test_one_low_number_alone_is_no_collapse() -> None:
    """Of identity alone nobody knows whether it is gone or has not come yet."""
    scored = [card(name, {m: [0.05 if m is Metric.IDENTITY else NAN] * 4 for m in JUDGED}) for name in (BASE, "c")]
    verdict = judge([(100, scored[1])], scored[0], finished=False, steps_per_epoch=12)
    assert verdict.state is VerdictState.LEARNING


def test_without_identity_there_is_no_verdict() -> None:
    base, last = unmeasurable(Metric.IDENTITY, (0.2, 0.1, 0.9))
    verdict = judge([(100, last)], base, finished=False, steps_per_epoch=12)
    assert verdict.state is VerdictState.LEARNING
    assert verdict.evidence.startswith("identity cannot be measured")


def test_judging_again_gives_the_same() -> None:
    rng = np.random.default_rng(0)
    levels = [(0.5, 0.9, 0.9), (0.8, 0.8, 0.9), (0.8, 0.3, 0.8)]
    cards = [
        (
            100 * i,
            card(
                str(i),
                dict(
                    zip(
                        Metric,
                        (
                            level[0] + rng.normal(0, 0.05, 4),
                            level[1] + rng.normal(0, 0.05, 8),
                            level[2] + rng.normal(0, 0.05, 4),
                        ),
                        strict=False,
                    )
                ),
            ),
        )
        for i, level in enumerate(levels, start=1)
    ]
    first = judge(cards, base_card(), finished=True, steps_per_epoch=12)
    assert first.state is VerdictState.OVERTRAINED
    assert judge(cards, base_card(), finished=True, steps_per_epoch=12) == first
