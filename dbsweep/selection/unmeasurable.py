"""What a base model and an encoder cannot measure, told from the base model's own scorecard."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from dbsweep.records.names import PUBLISHED, Metric, PromptKind
from dbsweep.records.results import Scorecard

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
        Metric.DIV: frozenset({PromptKind.CLASS}),
        Metric.IDENTITY_LEAK: frozenset({PromptKind.SANITY}),
        Metric.VALIDATION_LOSS: frozenset(),
    }
)
"""The prompts on whose images each metric is measured; none for what is measured on photos. Identity by an encoder of
its own is measured on instance prompts alone."""

_UNCLEAR_SUBJECT: Final = "the encoder does not tell the photos from the base model's class images"
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

    What nothing is decided by (`PUBLISHED`) is passed over.

    Args:
        base: its samples and images are in the same order of prompts and seeds; without images there is nothing to
            tell the prompts apart by, and the metric is named alone.
    """
    sentences = []
    for metric, score in base.scores.items():
        if metric in PUBLISHED:
            continue
        prompts = [image.prompt for image in base.images if image.kind in MEASURED_ON[metric]]
        if len(prompts) == len(score.samples):
            known = {p for p, value in zip(prompts, score.samples, strict=True) if not math.isnan(value)}
            lost = [f" with {p!r}" for p in prompts if p not in known]
            if metric is Metric.IDENTITY and not known:  # one scale for all prompts
                lost = [""]
        else:
            lost = [""] if math.isnan(score.value) else []
        sentences += [f"{metric.value} cannot be measured{place}: {_REASONS[metric]}" for place in dict.fromkeys(lost)]
    return tuple(sentences)
