"""Images of a checkpoint to its scorecard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dbsweep.records import BASE, Metric, PromptKind, SampleImage, Score, Scorecard
from dbsweep.scoring import metrics
from dbsweep.scoring.encoders import Embeddings, Encoder, Pixels
from dbsweep.scoring.metrics import Floats
from dbsweep.scoring.prompts import PromptKey
from dbsweep.scoring.reference import Reference, shows_nothing
from dbsweep.selection.resampling import mean_interval

MAX_MISSING = 0.25
"""Share of images that may show nothing; with more, a metric is NaN. One flat image of four can be an overflow in the
autoencoder; two are a broken model."""

Drawn = Mapping[PromptKey, Embeddings]


def score_checkpoint(
    checkpoint: str,
    images: Sequence[Pixels],
    sample_images: Sequence[SampleImage],
    encoder: Encoder,
    reference: Reference,
) -> Scorecard:
    """Score what a checkpoint drew.

    Args:
        checkpoint: its id.
        images: one for each of `sample_images`; together every prompt of the reference with every one of its seeds,
            in any order.
        sample_images: says of each image which prompt and seed it is.
        encoder: the one that made the reference.
        reference: what the images are measured against.

    Returns:
        All metrics; the samples are in the reference's order of prompts and seeds whatever the order of the images.

    Raises:
        ValueError: an image is missing, is there twice, or the encoder is not the reference's.
    """
    if encoder.name != reference.encoder:
        raise ValueError(f"the reference was made by {reference.encoder!r}, not by {encoder.name!r}")
    places = {(image.kind, image.concept, image.prompt_index, image.seed): i for i, image in enumerate(sample_images)}
    wanted = [(*key, seed) for key in reference.prompts for seed in reference.seeds]
    if set(places) != set(wanted) or not len(places) == len(sample_images) == len(images):
        raise ValueError(f"expected {len(wanted)} images, one a prompt and seed of the reference, got {len(images)}")
    rows = encoder.encode_images(images)
    rows[[shows_nothing(image) for image in images]] = np.nan
    seeds = len(reference.seeds)
    ordered = rows[[places[key] for key in wanted]]
    drawn = {key: ordered[i * seeds : (i + 1) * seeds] for i, key in enumerate(reference.prompts)}
    return _scorecard(checkpoint, drawn, sample_images, reference)


def score_base(sample_images: Sequence[SampleImage], reference: Reference) -> Scorecard:
    """The untrained model's scorecard, from the reference alone: identity 0, style, prior and diversity 1."""
    return _scorecard(BASE, reference.base, sample_images, reference)


def unmeasurable(reference: Reference) -> tuple[str, ...]:
    """Sentences for the person about what this base model and encoder cannot measure; these samples are NaN."""
    return tuple(
        f"{metric.value} cannot be measured with {reference.prompts[key]!r}: {_UNMEASURABLE[metric]}"
        for metric, (kinds, _) in _METRICS.items()
        for key in reference.prompts
        if key[0] in kinds and not _is_measurable(metric, key, reference)
    )


def _scorecard(checkpoint: str, drawn: Drawn, sample_images: Sequence[SampleImage], reference: Reference) -> Scorecard:
    scores = {metric: _score(metric, drawn, reference) for metric in _METRICS}
    return Scorecard(checkpoint=checkpoint, scores=scores, images=tuple(sample_images))


def _score(metric: Metric, drawn: Drawn, reference: Reference) -> Score:
    kinds, samples = _METRICS[metric]
    keys = [key for key in reference.prompts if key[0] in kinds]
    values = np.concatenate([samples(key, drawn, reference) for key in keys]).astype(np.float64)
    measurable = np.repeat([_is_measurable(metric, key, reference) for key in keys], len(reference.seeds))
    counted = values[measurable & np.isfinite(values)]
    nan = float("nan")
    if len(counted) < max((1.0 - MAX_MISSING) * measurable.sum(), 1.0):
        return Score(value=nan, low=nan, high=nan, samples=tuple(values.tolist()))
    low, high = mean_interval(counted)
    return Score(value=float(counted.mean()), low=low, high=high, samples=tuple(values.tolist()))


def _is_measurable(metric: Metric, key: PromptKey, reference: Reference) -> bool:
    return bool(np.isfinite(_METRICS[metric][1](key, reference.base, reference)).all())


def _identity(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return metrics.identity(drawn[key], reference.photos[key[1]], reference.base[key])


def _style(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    plain = (PromptKind.INSTANCE, key[1], 0)
    return metrics.style_retention(drawn[key], drawn[plain], reference.base[key], reference.base[plain])


def _prior(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return metrics.prior_preservation(drawn[key], reference.base[key], reference.photos[key[1]])


def _diversity(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return metrics.diversity(drawn[key], reference.base[key])


def _prompt_fidelity(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return metrics.prompt_fidelity(drawn[key], reference.texts[key])


_Samples = Callable[[PromptKey, Drawn, Reference], Floats]
_METRICS: dict[Metric, tuple[set[PromptKind], _Samples]] = {
    Metric.IDENTITY: ({PromptKind.INSTANCE}, _identity),
    Metric.STYLE: ({PromptKind.SANITY}, _style),
    Metric.PRIOR: ({PromptKind.CLASS}, _prior),
    Metric.DIVERSITY: ({PromptKind.CLASS}, _diversity),
    Metric.PROMPT_FIDELITY: ({PromptKind.INSTANCE, PromptKind.SANITY}, _prompt_fidelity),
}
_UNCLEAR_SUBJECT = "the encoder does not tell the photos from the base model's class images"
_UNMEASURABLE = {
    Metric.IDENTITY: _UNCLEAR_SUBJECT,
    Metric.STYLE: "the base model does not draw this style; choose one that it knows",
    Metric.PRIOR: _UNCLEAR_SUBJECT,
    Metric.DIVERSITY: "the base model draws the same image for every seed",
    Metric.PROMPT_FIDELITY: "the encoder gives no numbers",
}
