"""Images of a checkpoint to its scorecard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dbsweep.records.names import BASE, Metric, PromptKind
from dbsweep.records.results import SampleImage, Score, Scorecard
from dbsweep.scoring import metrics
from dbsweep.scoring.encoders import Embeddings, Encoder, ImageEncoder, Pixels
from dbsweep.scoring.likeness import seen
from dbsweep.scoring.metrics import Floats
from dbsweep.scoring.prompts import PromptKey
from dbsweep.scoring.published import div, identity_leak, memorisation, pres, subject_fidelity
from dbsweep.scoring.quality import image_features, image_quality
from dbsweep.scoring.reference import Reference, shows_nothing
from dbsweep.selection.resampling import mean_interval
from dbsweep.selection.unmeasurable import MEASURED_ON

MAX_MISSING = 0.25
"""Share of images that may show nothing; with more, a metric is NaN. One flat image of four can be an overflow in the
autoencoder; two are a broken model."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """What a model drew, by prompt: rows are seeds, NaN where an image shows nothing or is not drawn."""

    embeddings: Mapping[PromptKey, Floats]
    features: Mapping[PromptKey, Floats]
    likeness: Mapping[PromptKey, Floats]
    """By the encoder of identity, of the instance prompts alone; without numbers where it has none of its own."""


def score_checkpoint(
    checkpoint: str,
    images: Sequence[Pixels],
    sample_images: Sequence[SampleImage],
    encoder: Encoder,
    reference: Reference,
    identity_encoder: ImageEncoder | None = None,
) -> Scorecard:
    """Score what a checkpoint drew.

    Args:
        checkpoint: its id.
        images: one for each of `sample_images`; together every prompt of the reference with every one of its first
            seeds, in any order.
        sample_images: says of each image which prompt and seed it is.
        encoder: the one that made the reference.
        reference: what the images are measured against; it may have further seeds.
        identity_encoder: the one that made the reference's likeness, if it has one.

    Returns:
        All metrics; the samples are in the reference's order, all prompts of the first seed, then of the second,
        whatever the order of the images: a card of more seeds begins with the same samples, as far as a sample is of
        its own image alone. Those of diversity and DIV are means over the other images, and of the two harms to prior
        all images together say which one is told.

    Raises:
        ValueError: an image is missing, is there twice, or the encoder is not the reference's.
    """
    for made_by, given in ((reference.encoder, encoder), (_likeness_encoder(reference), identity_encoder)):
        if made_by != (given.name if given is not None else None):
            raise ValueError(f"the reference was made by {made_by!r}, not by {given.name if given else None!r}")
    order = _in_order(sample_images, reference)
    if len(images) != len(order):
        raise ValueError(f"expected {len(order)} images, got {len(images)}")
    images, sample_images = [images[place] for place in order], [sample_images[place] for place in order]
    prompts, blank = len(reference.prompts), [shows_nothing(image) for image in images]
    embeddings, features = _by_seeds(encoder, images, prompts), image_features(images)
    likeness = np.full((len(images), 0), np.nan)
    if identity_encoder is not None:
        instance = [i for i, key in enumerate(reference.prompts) if key[0] is PromptKind.INSTANCE]
        looked_at = [place for place in range(len(images)) if place % prompts in instance]
        rows = _by_seeds(identity_encoder, [images[place] for place in looked_at], len(instance))
        likeness = np.full((len(images), rows.shape[1]), np.nan)
        likeness[looked_at] = rows
    for values in (embeddings, features, likeness):
        values[blank] = np.nan
    drawn = Drawn(
        embeddings=_by_prompt(embeddings, reference),
        features=_by_prompt(features, reference),
        likeness=_by_prompt(likeness, reference),
    )
    return _scorecard(checkpoint, drawn, sample_images, reference, len(images) // prompts)


def _by_seeds(encoder: ImageEncoder, images: Sequence[Pixels], prompts: int) -> Embeddings:
    """Embeddings, the images of one seed at a time.

    Processors round differently for other batches: an image is embedded beside the same others whether its checkpoint
    has drawn few seeds or many, and whether an encoder that remembers has seen it or not.
    """
    starts = range(0, len(images), prompts)
    return np.concatenate([encoder.encode_images(images[start : start + prompts]) for start in starts])


def score_base(sample_images: Sequence[SampleImage], reference: Reference) -> Scorecard:
    """The untrained model's scorecard on these images, from the reference alone.

    Over all seeds of the reference identity is 0 and style, prior, diversity and quality are 1; over the first ones
    alone they are near that.
    """
    order = _in_order(sample_images, reference)
    ordered = [sample_images[place] for place in order]
    return _scorecard(BASE, _drawn_by_base(reference), ordered, reference, len(order) // len(reference.prompts))


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


def _likeness_encoder(reference: Reference) -> str | None:
    return reference.likeness.encoder if reference.likeness is not None else None


def _in_order(sample_images: Sequence[SampleImage], reference: Reference) -> list[int]:
    """Places of the images, all prompts of the first seed before those of the second."""
    places = {(image.kind, image.concept, image.prompt_index, image.seed): i for i, image in enumerate(sample_images)}
    seeds = reference.seeds[: len({image.seed for image in sample_images})]
    wanted = [(*key, seed) for seed in seeds for key in reference.prompts]
    if set(places) != set(wanted) or len(places) != len(sample_images) or not wanted:
        raise ValueError(
            f"expected {len(wanted)} images, one a prompt and seed of the reference, got {len(sample_images)}"
        )
    return [places[key] for key in wanted]


def _by_prompt(values: Floats, reference: Reference) -> dict[PromptKey, Floats]:
    """The rows of each prompt, and rows of NaN for the reference's further seeds, which have not been drawn."""
    prompts = len(reference.prompts)
    further = np.full((len(reference.seeds) - len(values) // prompts, values.shape[1]), np.nan, dtype=values.dtype)
    return {key: np.concatenate([values[i::prompts], further]) for i, key in enumerate(reference.prompts)}


def _scorecard(
    checkpoint: str, drawn: Drawn, sample_images: Sequence[SampleImage], reference: Reference, seeds: int
) -> Scorecard:
    measured = [metric for metric in _METRICS if _has(metric, reference)]
    scores = {metric: _score(metric, drawn, reference, seeds) for metric in measured}
    return Scorecard(checkpoint=checkpoint, scores=scores, images=tuple(sample_images))


def _score(metric: Metric, drawn: Drawn, reference: Reference, seeds: int) -> Score:
    keys = [key for key in reference.prompts if _is_asked(metric, key, reference)]
    by_prompt = np.array([_METRICS[metric](key, drawn, reference)[:seeds] for key in keys], dtype=np.float64)
    values = by_prompt.T.ravel()
    measurable = np.tile([_is_measurable(metric, key, reference) for key in keys], seeds)
    counted = values[measurable & np.isfinite(values)]
    nan = float("nan")
    if len(counted) < max((1.0 - MAX_MISSING) * measurable.sum(), 1.0):
        return Score(value=nan, low=nan, high=nan, samples=tuple(values.tolist()))
    low, high = mean_interval(counted)
    return Score(value=float(counted.mean()), low=low, high=high, samples=tuple(values.tolist()))


def _is_asked(metric: Metric, key: PromptKey, reference: Reference) -> bool:
    """Whether a metric is measured on this prompt's images.

    Memorisation is not of concepts without held-out photos. Encoders of identity alone, such as those of faces, know
    photos and not drawings, so they are asked about instance prompts alone.
    """
    if metric is Metric.MEMORISATION and len(reference.held_out[key[1]]) == 0:
        return False
    if metric is Metric.IDENTITY and reference.likeness is not None:
        return key[0] is PromptKind.INSTANCE
    return key[0] in MEASURED_ON[metric]


def _has(metric: Metric, reference: Reference) -> bool:
    """Whether the sweep has what a metric needs."""
    if metric is Metric.MEMORISATION:
        return reference.has_held_out
    if metric is Metric.FACES:
        return reference.likeness is not None and reference.likeness.sees_faces
    return True


def _is_measurable(metric: Metric, key: PromptKey, reference: Reference) -> bool:
    finite = np.isfinite(_METRICS[metric](key, _drawn_by_base(reference), reference))
    if metric is Metric.IDENTITY and reference.likeness is not None:
        return bool(finite.any())  # some of the base model's images may have no face
    return bool(finite.all())


def _drawn_by_base(reference: Reference) -> Drawn:
    likeness = reference.likeness.base if reference.likeness is not None else {}
    return Drawn(embeddings=reference.base, features=reference.base_features, likeness=likeness)


def _identity(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    likeness, plain = reference.likeness, (PromptKind.INSTANCE, key[1], 0)
    if likeness is None:
        return metrics.identity(
            drawn.embeddings[key], reference.photos[key[1]], reference.base[key], reference.base[plain]
        )
    base, base_plain = seen(likeness.base[key]), seen(likeness.base[plain])
    if len(base) == 0 or len(base_plain) == 0:  # no face anywhere: nothing to measure from
        return np.full(len(drawn.likeness[key]), np.nan)
    return metrics.identity(drawn.likeness[key], seen(likeness.photos[key[1]]), base, base_plain)


def _faces(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return metrics.faces(drawn.likeness[key], drawn.embeddings[key])


def _subject_fidelity(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return subject_fidelity(drawn.embeddings[key], reference.photos[key[1]])


def _pres(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return pres(drawn.embeddings[key], reference.photos[key[1]])


def _div(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return div(drawn.embeddings[key])


def _identity_leak(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return identity_leak(drawn.embeddings[key], reference.photos[key[1]], reference.base[key])


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
    Metric.FACES: _faces,
    Metric.SUBJECT_FIDELITY: _subject_fidelity,
    Metric.PRES: _pres,
    Metric.DIV: _div,
    Metric.IDENTITY_LEAK: _identity_leak,
}
