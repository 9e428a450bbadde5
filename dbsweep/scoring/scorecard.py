"""Images of a checkpoint to its scorecard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dbsweep.records.names import BASE, Metric, PromptKind
from dbsweep.records.results import SampleImage, Score, Scorecard
from dbsweep.scoring.encoders import Embeddings, Encoder, ImageEncoder, Pixels
from dbsweep.scoring.measured import Drawn, drawn_by_base, metrics_of, samples_of
from dbsweep.scoring.metrics import Floats
from dbsweep.scoring.prompts import PromptKey
from dbsweep.scoring.quality import image_features
from dbsweep.scoring.reference import Reference, shows_nothing
from dbsweep.selection.means import score_of
from dbsweep.selection.resampling import mean_interval


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
        its own image alone. Those of diversity and DIV are means over the other images, of the two harms to prior all
        images together say which one is told, and of the styles of a concept how much each counts.

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
    return _scorecard(BASE, drawn_by_base(reference), ordered, reference, len(order) // len(reference.prompts))


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
    scores = {metric: _score(metric, drawn, reference, seeds) for metric in metrics_of(reference)}
    return Scorecard(checkpoint=checkpoint, scores=scores, images=tuple(sample_images))


def _score(metric: Metric, drawn: Drawn, reference: Reference, seeds: int) -> Score:
    by_prompt, is_measurable = samples_of(metric, drawn, reference)
    values, measurable = by_prompt[:, :seeds].T.ravel(), np.tile(is_measurable, seeds)
    return score_of(values, measurable)
