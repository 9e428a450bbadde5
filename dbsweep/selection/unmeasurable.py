"""What a base model and an encoder cannot measure, told from the base model's own scorecard."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from dbsweep.records.names import PUBLISHED, Metric, PromptKind
from dbsweep.records.results import SampleImage, Score, Scorecard

MEASURED_ON: Final[Mapping[Metric, frozenset[PromptKind]]] = MappingProxyType(
    {
        Metric.IDENTITY: frozenset({PromptKind.INSTANCE, PromptKind.SANITY}),
        Metric.STYLE: frozenset({PromptKind.SANITY}),
        Metric.PRIOR: frozenset({PromptKind.CLASS}),
        Metric.DIVERSITY: frozenset({PromptKind.CLASS}),
        Metric.PROMPT_FIDELITY: frozenset({PromptKind.INSTANCE, PromptKind.SANITY}),
        Metric.QUALITY: frozenset(PromptKind),
        Metric.MEMORISATION: frozenset({PromptKind.INSTANCE}),
        Metric.FACES: frozenset({PromptKind.INSTANCE}),
        Metric.SUBJECT_FIDELITY: frozenset({PromptKind.INSTANCE}),
        Metric.PRES: frozenset({PromptKind.CLASS}),
        Metric.DIV: frozenset({PromptKind.INSTANCE}),
        Metric.IDENTITY_LEAK: frozenset({PromptKind.SANITY}),
        Metric.VALIDATION_LOSS: frozenset(),
    }
)
"""The prompts on whose images each metric is measured; none for what is measured on photos. Identity by an encoder of
its own is measured on instance prompts alone."""

_UNCLEAR_SUBJECT: Final = "the encoder does not tell the photos from the base model's class images"
_FACELESS: Final = "no picture of the class by the base model shows a face"
_REASONS: Final = {
    Metric.IDENTITY: _UNCLEAR_SUBJECT,
    Metric.STYLE: "the base model does not draw this style; choose one that it knows",
    Metric.PRIOR: _UNCLEAR_SUBJECT,
    Metric.DIVERSITY: "the base model draws the same image for every seed",
    Metric.PROMPT_FIDELITY: "the encoder gives no numbers",
    Metric.QUALITY: "the base model's images have no pixels to measure",
    Metric.MEMORISATION: "the encoder gives no numbers",
    Metric.FACES: "the encoder gives no numbers",
    Metric.VALIDATION_LOSS: "the base model's own error on the held-out photos is not a number",
}


def unmeasurable(base: Scorecard) -> tuple[str, ...]:
    """Sentences for the person, one for each metric and prompt whose samples are all NaN on the base model's card.

    What nothing is decided by (`PUBLISHED`) is passed over. Concepts may share a prompt, such as "photo of man", so the
    concept is named where there are several.

    Args:
        base: its samples and images are in the same order of prompts and seeds; without images there is nothing to
            tell the prompts apart by, and the metric is named alone.
    """
    sentences = []
    for metric, score in base.scores.items():
        if metric not in PUBLISHED:
            places = dict.fromkeys(_lost(metric, score, base.images))
            sentences += [f"{metric.value} cannot be measured{place}: {_reason(metric, base)}" for place in places]
    return tuple(sentences)


def asked_images(metric: Metric, score: Score, images: Sequence[SampleImage]) -> list[SampleImage]:
    """The image of each sample of a score, of all images of its card; none where they do not go together."""
    asked = [image for image in images if image.kind in MEASURED_ON[metric]]
    if metric is Metric.IDENTITY and len(asked) != len(score.samples):
        asked = [image for image in asked if image.kind is PromptKind.INSTANCE]  # by an encoder of its own
    return asked if len(asked) == len(score.samples) else []


def _reason(metric: Metric, base: Scorecard) -> str:
    faceless = metric is Metric.IDENTITY and Metric.FACES in base.scores and base.value(Metric.FACES) == 0.0
    return _FACELESS if faceless else _REASONS[metric]


def _lost(metric: Metric, score: Score, images: Sequence[SampleImage]) -> list[str]:
    """Where the metric cannot be measured, in words; the empty word where there is no telling apart."""
    asked = asked_images(metric, score, images)
    if not asked:
        return [""] if math.isnan(score.value) else []
    known = {(i.concept, i.prompt) for i, value in zip(asked, score.samples, strict=True) if not math.isnan(value)}
    several = len({image.concept for image in images}) > 1
    lost = []
    for image in asked:
        if (image.concept, image.prompt) not in known:
            # Of identity all prompts of a concept have one scale.
            whole = metric is Metric.IDENTITY and image.concept not in {concept for concept, _ in known}
            lost.append(("" if whole else f" with {image.prompt!r}") + (f" for concepts[{image.concept}]" * several))
    return lost
