"""Images of a checkpoint to its scorecard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dbsweep.records.names import BASE, Metric, PromptKind
from dbsweep.records.results import SampleImage, Score, Scorecard
from dbsweep.scoring import metrics
from dbsweep.scoring.encoders import Embeddings, Encoder, Pixels
from dbsweep.scoring.metrics import Floats
from dbsweep.scoring.prompts import PromptKey
from dbsweep.scoring.published import memorisation
from dbsweep.scoring.quality import Features, image_features, image_quality
from dbsweep.scoring.reference import Reference, shows_nothing
from dbsweep.selection.resampling import mean_interval
from dbsweep.selection.unmeasurable import MEASURED_ON

MAX_MISSING = 0.25
"""Share of images that may show nothing; with more, a metric is NaN. One flat image of four can be an overflow in the
autoencoder; two are a broken model."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """What a model drew, by prompt: rows are seeds; those of images that show nothing are NaN."""

    embeddings: Mapping[PromptKey, Embeddings]
    features: Mapping[PromptKey, Features]


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
    embeddings, features = encoder.encode_images(images), image_features(images)
    for rows in (embeddings, features):
        rows[[shows_nothing(image) for image in images]] = np.nan
    order, seeds = [places[key] for key in wanted], len(reference.seeds)
    rows_of = {key: order[i * seeds : (i + 1) * seeds] for i, key in enumerate(reference.prompts)}
    drawn = Drawn(
        embeddings={key: embeddings[rows] for key, rows in rows_of.items()},
        features={key: features[rows] for key, rows in rows_of.items()},
    )
    return _scorecard(checkpoint, drawn, sample_images, reference)


def score_base(sample_images: Sequence[SampleImage], reference: Reference) -> Scorecard:
    """The untrained model's scorecard, from the reference alone: identity 0, style, prior, diversity and
    quality 1."""
    return _scorecard(BASE, _drawn_by_base(reference), sample_images, reference)


def with_validation_loss(card: Scorecard, losses: Sequence[float]) -> Scorecard:
    """The scorecard with the errors on held-out photos (`dbsweep.training.validation`); as it is without any.

    The interval is about these photos: it tells checkpoints apart, not how other photos would fare.
    """
    if not losses:
        return card
    values = np.asarray(losses, dtype=np.float64)
    low, high = mean_interval(values) if np.isfinite(values).all() else (float("nan"), float("nan"))
    score = Score(value=float(values.mean()), low=low, high=high, samples=tuple(losses))
    return card.model_copy(update={"scores": {**card.scores, Metric.VALIDATION_LOSS: score}})


def _scorecard(checkpoint: str, drawn: Drawn, sample_images: Sequence[SampleImage], reference: Reference) -> Scorecard:
    measured = [metric for metric in _METRICS if metric is not Metric.MEMORISATION or reference.has_held_out]
    scores = {metric: _score(metric, drawn, reference) for metric in measured}
    return Scorecard(checkpoint=checkpoint, scores=scores, images=tuple(sample_images))


def _score(metric: Metric, drawn: Drawn, reference: Reference) -> Score:
    keys = [key for key in reference.prompts if _is_asked(metric, key, reference)]
    values = np.concatenate([_METRICS[metric](key, drawn, reference) for key in keys]).astype(np.float64)
    measurable = np.repeat([_is_measurable(metric, key, reference) for key in keys], len(reference.seeds))
    counted = values[measurable & np.isfinite(values)]
    nan = float("nan")
    if len(counted) < max((1.0 - MAX_MISSING) * measurable.sum(), 1.0):
        return Score(value=nan, low=nan, high=nan, samples=tuple(values.tolist()))
    low, high = mean_interval(counted)
    return Score(value=float(counted.mean()), low=low, high=high, samples=tuple(values.tolist()))


def _is_asked(metric: Metric, key: PromptKey, reference: Reference) -> bool:
    """Whether a metric is measured on this prompt's images; memorisation is not of concepts without held-out photos."""
    has_photos = metric is not Metric.MEMORISATION or len(reference.held_out[key[1]]) > 0
    return key[0] in MEASURED_ON[metric] and has_photos


def _is_measurable(metric: Metric, key: PromptKey, reference: Reference) -> bool:
    return bool(np.isfinite(_METRICS[metric](key, _drawn_by_base(reference), reference)).all())


def _drawn_by_base(reference: Reference) -> Drawn:
    return Drawn(embeddings=reference.base, features=reference.base_features)


def _identity(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return metrics.identity(drawn.embeddings[key], reference.photos[key[1]], reference.base[key])


def _style(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    plain = (PromptKind.INSTANCE, key[1], 0)
    return metrics.style_retention(
        drawn.embeddings[key], drawn.embeddings[plain], reference.base[key], reference.base[plain]
    )


def _prior(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return metrics.prior_preservation(drawn.embeddings[key], reference.base[key], reference.photos[key[1]])


def _diversity(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return metrics.diversity(drawn.embeddings[key], reference.base[key])


def _prompt_fidelity(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return metrics.prompt_fidelity(drawn.embeddings[key], reference.texts[key])


def _quality(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return image_quality(drawn.features[key], reference.base_features[key], reference.photo_features[key[1]])


def _memorisation(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    photos, held_out = reference.photos[key[1]], reference.held_out[key[1]]
    return memorisation(drawn.embeddings[key], photos, held_out[: len(photos)])


_Samples = Callable[[PromptKey, Drawn, Reference], Floats]
_METRICS: dict[Metric, _Samples] = {
    Metric.IDENTITY: _identity,
    Metric.STYLE: _style,
    Metric.PRIOR: _prior,
    Metric.DIVERSITY: _diversity,
    Metric.PROMPT_FIDELITY: _prompt_fidelity,
    Metric.QUALITY: _quality,
    Metric.MEMORISATION: _memorisation,
}
