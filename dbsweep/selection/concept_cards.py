"""What each concept's own pictures say of a checkpoint: a scorecard is of the pictures of all concepts together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dbsweep.records.names import Metric, PromptKind
from dbsweep.records.results import SampleImage, Score, Scorecard
from dbsweep.selection.means import score_of
from dbsweep.selection.resampling import mean_interval
from dbsweep.selection.unmeasurable import asked_images
from dbsweep.selection.utility import JUDGED


@dataclass(frozen=True, slots=True)
class Lag:
    """A concept whose identity is surely below another's.

    Attributes:
        behind, ahead: which concepts (0-based).
        low, high: 95% interval of the difference of their identities, by pairs of pictures; wider where there are more
            than two concepts, so that it is as honest about the two that were picked of them.
    """

    behind: int
    ahead: int
    low: float
    high: float


def concept_cards(card: Scorecard, base: Scorecard) -> tuple[Scorecard, ...]:
    """A scorecard for each concept with identity, style and prior of its own pictures.

    Args:
        card: of a checkpoint; its samples and images are in the same order of prompts and seeds.
        base: the untrained model's, which tells the prompts that cannot be measured.

    Returns:
        By concept; none where there is only one, or where samples cannot be told apart by their images.
    """
    concepts = sorted({image.concept for image in card.images})
    if len(concepts) < 2:
        return ()
    samples = {metric: _samples(metric, card) for metric in JUDGED}
    if not all(samples.values()):
        return ()
    known = {metric: {_prompt(i) for i, v in _samples(metric, base) if not math.isnan(v)} for metric in JUDGED}
    return tuple(
        Scorecard(
            checkpoint=card.checkpoint,
            scores={metric: _score(samples[metric], known[metric], concept) for metric in JUDGED},
            images=tuple(image for image in card.images if image.concept == concept),
        )
        for concept in concepts
    )


def lag(cards: Sequence[Scorecard], least: float) -> Lag | None:
    """The concept of the lowest identity, if it is surely behind that of the highest by more than `least`.

    Pictures are paired by kind, place and seed of their prompts: in a drawing nobody is as alike as in a photo.

    Args:
        cards: of `concept_cards`.
    """
    order = sorted(range(len(cards)), key=lambda i: cards[i].value(Metric.IDENTITY))
    order = [i for i in order if not math.isnan(cards[i].value(Metric.IDENTITY))]
    if len(order) < 2:
        return None
    behind, ahead = (_identities(cards[i]) for i in (order[0], order[-1]))
    differences = np.array([ahead[key] - behind[key] for key in ahead if key in behind])
    low, high = mean_interval(differences, confidence=1.0 - 0.05 / math.comb(len(order), 2))
    return Lag(order[0], order[-1], low, high) if low > least else None


def _samples(metric: Metric, card: Scorecard) -> list[tuple[SampleImage, float]]:
    """Each sample with its image; empty where they do not go together."""
    score = card.scores[metric]
    return list(zip(asked_images(metric, score, card.images), score.samples, strict=False))


def _score(
    samples: Sequence[tuple[SampleImage, float]], known: set[tuple[PromptKind, int, int]], concept: int
) -> Score:
    own = [(image, value) for image, value in samples if image.concept == concept]
    values = np.array([value for _, value in own], dtype=np.float64)
    return score_of(values, np.array([_prompt(image) in known for image, _ in own], dtype=np.bool_))


def _prompt(image: SampleImage) -> tuple[PromptKind, int, int]:
    return image.kind, image.concept, image.prompt_index


def _identities(card: Scorecard) -> dict[tuple[PromptKind, int, int], float]:
    """Identity by kind, place and seed of the prompt."""
    return {(i.kind, i.prompt_index, i.seed): value for i, value in _samples(Metric.IDENTITY, card)}
