"""From images to a scorecard: their order, those that show nothing, and what does not belong together."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dbsweep.records.names import HELD_OUT, Metric
from dbsweep.records.results import SampleImage
from dbsweep.scoring.encoders import Pixels, load_encoder
from dbsweep.scoring.reference import Reference, build_reference
from dbsweep.scoring.scorecard import score_base, score_checkpoint, with_validation_loss
from dbsweep.selection.concept_cards import concept_cards
from dbsweep.selection.unmeasurable import unmeasurable
from tests.scoring.corner import CornerEncoder
from tests.scoring.men import (
    BLANK,
    INSTANCE,
    PHOTOS,
    PROMPTS,
    SAMPLES,
    SEEDS,
    STYLED,
    TAUGHT,
    base_drawn,
    base_images,
    drawn_as,
)


def test_the_order_of_the_images_does_not_matter(corner: CornerEncoder, reference: Reference) -> None:
    pairs = list(zip(drawn_as(STYLED), SAMPLES, strict=True))
    random.Random(0).shuffle(pairs)
    images, samples = zip(*pairs, strict=True)
    shuffled = score_checkpoint("c", images, samples, corner, reference)
    assert shuffled.scores == score_checkpoint("c", drawn_as(STYLED), SAMPLES, corner, reference).scores


def test_one_blank_image_is_left_out_two_make_nan(corner: CornerEncoder, reference: Reference) -> None:
    instance = TAUGHT[INSTANCE]
    one = score_checkpoint("c", drawn_as({INSTANCE: [BLANK, *instance[1:]]}), SAMPLES, corner, reference)
    assert math.isnan(one.scores[Metric.IDENTITY].samples[0])
    assert one.value(Metric.IDENTITY) == pytest.approx(np.mean(one.scores[Metric.IDENTITY].samples[1:]))
    four = score_checkpoint("c", drawn_as({INSTANCE: [BLANK] * 4}), SAMPLES, corner, reference)
    assert math.isnan(four.value(Metric.IDENTITY))  # of twelve pictures of the subject
    two = score_checkpoint("c", drawn_as({INSTANCE: [BLANK, BLANK, *instance[2:]]}), SAMPLES, corner, reference)
    score = two.scores[Metric.SUBJECT_FIDELITY]
    assert np.isnan([score.value, score.low, score.high]).all()
    assert two.value(Metric.PRIOR) == pytest.approx(1.0)  # its own images are there


def test_all_black_is_nan_everywhere(corner: CornerEncoder, reference: Reference) -> None:
    card = score_checkpoint("c", [BLANK] * len(SAMPLES), SAMPLES, corner, reference)
    assert all(math.isnan(card.value(metric)) for metric in card.scores)


def test_without_held_out_photos_there_is_nothing_instead_of_nan(corner: CornerEncoder, reference: Reference) -> None:
    card = score_base(SAMPLES, reference)
    assert not HELD_OUT & set(card.scores)
    assert with_validation_loss(card, ()) is card


def test_the_validation_loss_joins_the_card_with_its_interval(reference: Reference) -> None:
    card = with_validation_loss(score_base(SAMPLES, reference), (0.1, 0.3, 0.2, 0.2))
    assert set(card.scores) == {*score_base(SAMPLES, reference).scores, Metric.VALIDATION_LOSS}
    score = card.scores[Metric.VALIDATION_LOSS]
    assert score.value == pytest.approx(0.2)
    assert score.samples == (0.1, 0.3, 0.2, 0.2)
    assert 0.0 < score.low < 0.2 < score.high
    broken = with_validation_loss(card, (0.1, math.nan, 0.2)).scores[Metric.VALIDATION_LOSS]
    assert all(math.isnan(number) for number in (broken.value, broken.low, broken.high))
    assert unmeasurable(card) == ()


def test_of_several_concepts_each_has_the_scores_that_it_would_have_alone(
    corner: CornerEncoder, reference: Reference
) -> None:
    prompts = [*PROMPTS, *(replace(prompt, concept=1) for prompt in PROMPTS)]
    samples = [*SAMPLES, *(sample.model_copy(update={"concept": 1}) for sample in SAMPLES)]
    both = build_reference(prompts, SEEDS, base_images(), [*PHOTOS, *PHOTOS], corner)
    drawn = [drawn_as(STYLED), drawn_as(TAUGHT)]
    card = score_checkpoint("c", [*drawn[0], *drawn[1]], samples, corner, both)
    told = concept_cards(card, score_base(samples, both))
    for own, images in zip(told, drawn, strict=True):
        alone = score_checkpoint("c", images, SAMPLES, corner, reference)
        for metric in (Metric.IDENTITY, Metric.STYLE, Metric.PRIOR):
            assert own.scores[metric] == alone.scores[metric]
    assert told[0].value(Metric.IDENTITY) > told[1].value(Metric.IDENTITY)


@pytest.mark.parametrize(
    ("images", "samples", "message"),
    [
        (base_drawn()[:-1], SAMPLES[:-1], "expected 16 images, one a prompt and seed of the reference, got 15"),
        ([*base_drawn(), BLANK], [*SAMPLES, SAMPLES[0]], "expected 16 images"),
        (base_drawn()[:-1], SAMPLES, "expected 16 images"),
        (base_drawn(), [*SAMPLES[:-1], SAMPLES[-1].model_copy(update={"seed": 99})], "expected 16 images"),
    ],
    ids=["missing", "twice", "fewer images than labels", "another seed"],
)
def test_images_must_match_the_reference(
    corner: CornerEncoder, reference: Reference, images: list[Pixels], samples: list[SampleImage], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        score_checkpoint("c", images, samples, corner, reference)


def test_another_encoder_is_refused(corner: CornerEncoder, reference: Reference) -> None:
    with pytest.raises(ValueError, match="the reference was made by 'other', not by 'corner'"):
        score_checkpoint("c", base_drawn(), SAMPLES, corner, replace(reference, encoder="other"))


def test_with_a_real_encoder(clip_folder: Path) -> None:
    encoder = load_encoder(str(clip_folder))
    reference = build_reference(PROMPTS, SEEDS, base_images(), PHOTOS, encoder)
    card = score_checkpoint("c", drawn_as(STYLED), SAMPLES, encoder, reference)
    assert set(card.scores) == set(Metric) - HELD_OUT - {Metric.FACES}
    assert math.isfinite(card.value(Metric.PROMPT_FIDELITY))


def test_a_card_of_more_seeds_begins_with_the_samples_of_fewer(corner: CornerEncoder, reference: Reference) -> None:
    pairs = [(image, s) for image, s in zip(drawn_as(STYLED), SAMPLES, strict=True) if s.seed in SEEDS[:2]]
    images, samples = zip(*pairs, strict=True)
    few = score_checkpoint("c", images, samples, corner, reference)
    all_of_them = score_checkpoint("c", drawn_as(STYLED), SAMPLES, corner, reference)
    assert len(few.scores[Metric.STYLE].samples) == len(all_of_them.scores[Metric.STYLE].samples) // 2
    for metric in (Metric.IDENTITY, Metric.QUALITY, Metric.PROMPT_FIDELITY, Metric.PRIOR):
        count = len(few.scores[metric].samples)
        assert count == len(all_of_them.scores[metric].samples) // 2
        assert all_of_them.scores[metric].samples[:count] == pytest.approx(few.scores[metric].samples)
    assert [image.seed for image in few.images] == [1] * 4 + [2] * 4
    base = score_base(samples, reference)
    assert {metric: len(score.samples) for metric, score in base.scores.items()} == {
        metric: len(score.samples) for metric, score in few.scores.items()
    }


def test_other_seeds_than_the_first_are_refused(corner: CornerEncoder, reference: Reference) -> None:
    pairs = [(image, s) for image, s in zip(drawn_as(STYLED), SAMPLES, strict=True) if s.seed in SEEDS[2:]]
    images, samples = zip(*pairs, strict=True)
    with pytest.raises(ValueError, match="expected 8 images, one a prompt and seed of the reference, got 8"):
        score_checkpoint("c", images, samples, corner, reference)
