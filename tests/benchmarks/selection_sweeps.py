"""Hand-made sweeps whose truth is known: two trials of four checkpoints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.selection_curves import CardData, CheckpointCurve, OracleView, SubjectCurves, TrialCurve
from benchmarks.selection_methods import Judged
from dbsweep.records.names import Metric

Level = tuple[float, float, float]
"""Identity, style and prior in the product's eyes."""

GENTLE: tuple[Level, ...] = ((0.2, 1.0, 1.0), (0.5, 1.0, 1.0), (0.8, 0.9, 0.9), (0.9, 0.9, 0.9))
HARD: tuple[Level, ...] = ((0.6, 0.9, 0.9), (0.8, 0.7, 0.8), (0.8, 0.3, 0.4), (0.8, 0.1, 0.2))
STYLES = 2
TRUTH = np.array([[0.2, 0.4, 0.7, 0.8], [0.5, 0.6, 0.3, 0.1]])
"""The oracle's utility of GENTLE and HARD."""


def card(level: Level) -> CardData:
    """Eight samples a metric, all but equal."""
    values = {Metric.IDENTITY: level[0], Metric.STYLE: level[1], Metric.PRIOR: level[2]}
    values |= {Metric.SUBJECT_FIDELITY: level[0], Metric.PROMPT_FIDELITY: 1.0 - level[0], Metric.QUALITY: 1.0}
    ripple = np.tile([-0.001, 0.001], 4)
    return CardData(values=values, samples={m: tuple((v + ripple).tolist()) for m, v in values.items()})


def view(identity: float = 0.5, style: float = 1.0, there: float = 0.5, klass: float = 1.0) -> OracleView:
    """Two images of each prompt for the judge, all alike."""
    styled = 2 * STYLES
    return OracleView(
        identity=(identity,) * 4,
        style=(style,) * styled,
        style_identity=(there,) * styled,
        klass=(klass,) * 4,
        class_identity=(0.4,) * 4,
        variety=(0.6,) * 4,
    )


def trial(
    levels: Sequence[Level],
    *,
    rate: float = 1e-5,
    others: dict[str, float] | None = None,
    losses: Sequence[float] = (),
    validation: Sequence[float] = (),
) -> TrialCurve:
    """A checkpoint every 10 steps, a loss every 5."""
    return TrialCurve(
        learning_rate=rate,
        others=others or {},
        checkpoints=tuple(
            CheckpointCurve(
                step=10 * (index + 1),
                card=card(level),
                validation_loss=validation[index] if validation else 1.0,
                oracle=view(),
            )
            for index, level in enumerate(levels)
        ),
        training_loss=tuple(losses) or tuple(1.0 / (1 + index) for index in range(2 * len(levels))),
        loss_every=5,
    )


def sweep(*trials: TrialCurve, seed: int = 100) -> SubjectCurves:
    """A subject whose base model knows the styles and not the subject; a step costs 6, a card 100."""
    return SubjectCurves(
        seed=seed,
        klass="man",
        photos=5,
        steps_per_epoch=5,
        base=card((0.0, 1.0, 1.0)),
        base_oracle=view(identity=0.4, there=0.4),
        photo_identity=0.9,
        style_identity=(0.8,) * STYLES,
        step_evaluations=6,
        card_evaluations=100,
        base_evaluations=400,
        trials=trials,
    )


def settings_sweep() -> SubjectCurves:
    """HARD everywhere, but for GENTLE at the low rate with class images."""
    return sweep(
        *(
            trial(
                GENTLE if rate == 1e-5 and count == 2 else HARD,
                rate=rate,
                others={"class_images_per_instance": count, "text_encoder_ratio": ratio},
            )
            for rate in (1e-5, 1e-4)
            for count in (0, 2)
            for ratio in (0.0, 1.0)
        )
    )


def subject(truth: np.ndarray = TRUTH, *, seed: int = 100) -> Judged:
    """GENTLE and HARD with a given truth, the same in both halves of the oracle's images."""
    curves = sweep(trial(GENTLE, rate=1e-5), trial(HARD, rate=1e-4), seed=seed)
    return Judged(curves, truth, np.array([truth, truth]))
