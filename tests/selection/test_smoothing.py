"""Scores smoothed along a training, by as much as the scatter of the samples says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from dbsweep.records.names import Metric
from dbsweep.records.results import Checkpoint, Scorecard
from dbsweep.selection.smoothing import MAX_PULL, smoothed, smoother
from tests.selection.curves import card, flat_card

Row = tuple[str, Checkpoint, Scorecard]


def row(branch: str, step: int, scored: Scorecard) -> Row:
    name = f"{branch}-{step:06d}"
    return branch, Checkpoint(id=name, branch=branch, step=step, epoch=1, path="", sha256="", bytes=1), scored


def rows(style: Sequence[Sequence[float]], branch: str = "b01") -> list[Row]:
    """Checkpoints at steps 10, 20, … with these style samples."""
    flat = {Metric.IDENTITY: [0.5] * 4, Metric.PRIOR: [0.5] * 4}
    return [row(branch, 10 * (i + 1), card("c", {**flat, Metric.STYLE: each})) for i, each in enumerate(style)]


def means(found: Sequence[Row], metric: Metric = Metric.STYLE) -> list[float]:
    return [scored.value(metric) for _, _, scored in found]


def test_without_scatter_nothing_is_smoothed() -> None:
    """Samples that all move together are change, however it jumps."""
    offsets = np.array([0.0, 0.3, -0.2, 0.1])
    samples = np.array([[0.9], [0.2], [0.8], [0.3]]) + offsets
    assert smoother(samples) == pytest.approx(np.eye(4))
    level = [row("b01", step, flat_card("c", *each)) for step, each in ((1, (0.1, 1, 1)), (2, (0.9, 0.2, 1)))]
    assert smoothed(level) == level


def test_pure_chance_is_smoothed_as_far_as_allowed() -> None:
    """Means 0.5, 0.5, 0.5 of samples that scatter: λ = 1. (I + DᵀD) = [[2, -1, 0], [-1, 3, -1], [0, -1, 2]] has the
    determinant 8 and the inverse [[5, 2, 1], [2, 4, 2], [1, 2, 5]] / 8."""
    samples = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    assert MAX_PULL == 1.0
    assert smoother(samples) == pytest.approx(np.array([[5, 2, 1], [2, 4, 2], [1, 2, 5]]) / 8)


def test_pull_is_noise_over_the_step_of_the_walk() -> None:
    """Means 0, 1, 0; samples ±0.2 in turn around them. What is left after rows and columns: columns' means are
    (1 + 0.2) / 3 and (1 - 0.2) / 3, so ±0.2 less ±0.2/3: sum of squares 2 (0.0178 + 0.0711 + 0.0178) = 0.2133, over
    (3 - 1)(2 - 1) and 2 samples: noise 0.0533. E(Δ²) = 1, the step 1 - 0.1067 = 0.8933, λ = 0.0597."""
    samples = np.array([[0.2, -0.2], [0.8, 1.2], [0.2, -0.2]])
    pull = (0.64 / 3 / 4) / (1.0 - 2 * 0.64 / 3 / 4)
    differences = np.array([[-1.0, 1.0, 0.0], [0.0, -1.0, 1.0]])
    assert np.linalg.inv(smoother(samples)) == pytest.approx(np.eye(3) + pull * differences.T @ differences)


def test_a_walk_that_is_told_only_roughly_is_smoothed_no_further() -> None:
    """Samples ±0.55 around 0, 1, 0: noise 0.403, the step 1 - 0.807 = 0.193, and their quotient 2.1."""
    samples = np.array([[0.55, -0.55], [0.45, 1.55], [0.55, -0.55]])
    assert smoother(samples) == pytest.approx(np.array([[5, 2, 1], [2, 4, 2], [1, 2, 5]]) / 8)


def test_the_mean_along_a_training_and_the_pairing_stay() -> None:
    rng = np.random.default_rng(0)
    samples = 0.6 + rng.normal(0.0, 0.3, (6, 8))
    found = smoothed(rows(samples.tolist()))
    assert np.mean(means(found)) == pytest.approx(samples.mean())
    curves = np.array([scored.scores[Metric.STYLE].samples for _, _, scored in found])
    assert curves == pytest.approx(smoother(samples) @ samples)
    assert means(found) == pytest.approx(curves.mean(axis=1))
    score = found[2][2].scores[Metric.STYLE]
    assert (score.low, score.high) == pytest.approx((score.value, score.value))  # moved with the value


def test_order_branches_and_other_metrics_are_left_alone() -> None:
    rng = np.random.default_rng(1)
    first, second = (rows((0.5 + rng.normal(0.0, 0.3, (4, 8))).tolist(), name) for name in ("b01", "b02"))
    mixed = [first[2], second[0], first[0], second[3], first[3], second[1], first[1], second[2]]
    found = smoothed(mixed)
    assert [r[1].id for r in found] == [r[1].id for r in mixed]
    alone = {r[1].id: r[2] for r in (*smoothed(first), *smoothed(second))}
    assert all(scored == alone[checkpoint.id] for _, checkpoint, scored in found)
    assert means(found, Metric.PRIOR) == [0.5] * 8


def test_a_prompt_that_cannot_be_measured_keeps_no_other_from_being_smoothed() -> None:
    """Two sanity prompts take turns; the base model does not know the style of the second."""
    samples = 0.6 + np.random.default_rng(3).normal(0.0, 0.3, (5, 8))
    alone = smoothed(rows(samples.tolist()))
    beside = rows(np.stack([samples, np.full_like(samples, np.nan)], axis=2).reshape(5, 16).tolist())
    for (_, _, scored), (_, _, plain) in zip(beside, rows(samples.tolist()), strict=True):
        score = scored.scores[Metric.STYLE]  # the mean leaves out what is NaN, as that of a scorecard does
        scored.scores[Metric.STYLE] = score.model_copy(update={"value": plain.value(Metric.STYLE)})
    found = smoothed(beside)
    assert means(found) == pytest.approx(means(alone))
    curves = np.array([scored.scores[Metric.STYLE].samples for _, _, scored in found])
    assert curves[:, ::2] == pytest.approx(np.array([scored.scores[Metric.STYLE].samples for _, _, scored in alone]))
    assert np.isnan(curves[:, 1::2]).all()


@pytest.mark.parametrize(
    "style",
    [
        pytest.param([[0.1, 0.9], [0.9, 0.1]], id="two checkpoints tell nothing of chance"),
        pytest.param([[0.1, 0.9], [0.9, 0.1], [np.nan, 0.5]], id="a sample is missing"),
        pytest.param([[0.1], [0.9], [0.5]], id="one sample"),
        pytest.param([[0.1, 0.9], [0.9, 0.1], [0.5, 0.5, 0.1, 0.1]], id="other numbers of samples are other images"),
    ],
)
def test_what_cannot_be_smoothed_stays(style: list[list[float]]) -> None:
    assert repr(smoothed(rows(style))) == repr(rows(style))


def test_the_luckiest_of_many_is_chosen_less_often() -> None:
    """A true style that rises steadily to 0.8, 8 samples that scatter by 0.4: the checkpoint with the highest mean lies
    0.059 below the best on average, smoothed 0.034."""
    truth = np.linspace(0.4, 0.8, 8)
    rng = np.random.default_rng(2)
    lost: dict[str, list[float]] = {"measured": [], "smoothed": []}
    for _ in range(200):
        candidates = rows((truth[:, None] + rng.normal(0.0, 0.4, (8, 8))).tolist())
        for name, found in (("measured", candidates), ("smoothed", smoothed(candidates))):
            lost[name].append(0.8 - truth[int(np.argmax(means(found)))])
    assert np.mean(lost["smoothed"]) < 0.75 * np.mean(lost["measured"])
