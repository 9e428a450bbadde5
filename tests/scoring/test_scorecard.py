"""From images to a scorecard, with an encoder that is arithmetic."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dbsweep.records.names import BASE, HELD_OUT, Metric, PromptKind
from dbsweep.records.results import SampleImage
from dbsweep.scoring.encoders import Pixels, load_encoder
from dbsweep.scoring.prompts import EvaluationPrompt, PromptKey
from dbsweep.scoring.reference import Reference, build_reference
from dbsweep.scoring.scorecard import score_base, score_checkpoint, with_validation_loss
from dbsweep.selection.concept_cards import concept_cards
from dbsweep.selection.unmeasurable import unmeasurable
from tests.scoring.conftest import CornerEncoder, pixels

SEEDS = (1, 2, 3, 4)
TEXTS = {"photo of man": "photo of ohwx man", "man, ink": "ohwx man, ink", "man, neon": "ohwx man, neon"}
PROMPTS = (
    EvaluationPrompt(PromptKind.INSTANCE, 0, 0, "photo of ohwx man", "photo of man"),
    EvaluationPrompt(PromptKind.SANITY, 0, 0, "ohwx man, ink", "man, ink"),
    EvaluationPrompt(PromptKind.SANITY, 0, 1, "ohwx man, neon", "man, neon"),
    EvaluationPrompt(PromptKind.CLASS, 0, 0, "photo of man", "photo of man"),
)
SUBJECT, INK, NEON = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
MEN = [np.array([0.3, 0.1 * i, 0.05 * i * i]) - 0.6 for i in range(4)]
BLANK: Pixels = np.zeros((4, 4, 3), dtype=np.uint8)


def unit(direction: np.ndarray) -> np.ndarray:
    return np.asarray(direction / np.linalg.norm(direction))


def base_images() -> dict[str, list[Pixels]]:
    """Four men; in ink and neon they move along one axis each."""
    return {
        "photo of man": [pixels(unit(man)) for man in MEN],
        "man, ink": [pixels(unit(man + INK)) for man in MEN],
        "man, neon": [pixels(unit(man + NEON)) for man in MEN],
    }


PHOTOS = [[pixels(unit(SUBJECT + 0.1 * INK * i)) for i in range(5)]]
DRAWN = [(prompt, seed) for prompt in PROMPTS for seed in SEEDS]
SAMPLES = [
    SampleImage(path="", prompt=p.prompt, kind=p.kind, concept=p.concept, prompt_index=p.prompt_index, seed=seed)
    for p, seed in DRAWN
]


def base_drawn() -> list[Pixels]:
    images = base_images()
    return [images[prompt.base_prompt][SEEDS.index(seed)] for prompt, seed in DRAWN]


def drawn_as(changes: dict[PromptKey, list[Pixels]]) -> list[Pixels]:
    """The base model's images, but for some prompts."""
    images = base_drawn()
    return [
        changes[prompt.key][SEEDS.index(seed)] if prompt.key in changes else image
        for (prompt, seed), image in zip(DRAWN, images, strict=True)
    ]


INSTANCE, CLASS = (PromptKind.INSTANCE, 0, 0), (PromptKind.CLASS, 0, 0)
INK_KEY, NEON_KEY = (PromptKind.SANITY, 0, 0), (PromptKind.SANITY, 0, 1)
TAUGHT = {INSTANCE: [pixels(unit(SUBJECT + 0.02 * i * INK)) for i in range(4)]}
"""The instance prompt draws the subject."""
STYLED = {
    **TAUGHT,
    INK_KEY: [pixels(unit(SUBJECT + 0.02 * i * INK + INK)) for i in range(4)],
    NEON_KEY: [pixels(unit(SUBJECT + 0.02 * i * INK + NEON)) for i in range(4)],
}
"""... and the sanity prompts draw it in their styles."""
BURNT = dict.fromkeys((INSTANCE, INK_KEY, NEON_KEY, CLASS), TAUGHT[INSTANCE])
"""Everything is the subject."""


@pytest.fixture
def reference(corner: CornerEncoder) -> Reference:
    return build_reference(PROMPTS, SEEDS, base_images(), PHOTOS, corner)


def test_the_base_models_card(corner: CornerEncoder, reference: Reference) -> None:
    card = score_base(SAMPLES, reference)
    values = {metric: card.value(metric) for metric in (Metric.IDENTITY, Metric.STYLE, Metric.PRIOR, Metric.DIVERSITY)}
    assert card.checkpoint == BASE
    assert list(values.values()) == pytest.approx([0.0, 1.0, 1.0, 1.0], abs=1e-6)
    drawn = score_checkpoint(BASE, base_drawn(), SAMPLES, corner, reference)
    for metric in card.scores:
        assert drawn.scores[metric].samples == pytest.approx(card.scores[metric].samples)


def test_samples_are_counted_by_prompt_and_seed(reference: Reference) -> None:
    card = score_base(SAMPLES, reference)
    assert {metric: len(score.samples) for metric, score in card.scores.items()} == {
        Metric.IDENTITY: 12,
        Metric.STYLE: 8,
        Metric.PRIOR: 4,
        Metric.DIVERSITY: 4,
        Metric.PROMPT_FIDELITY: 12,
        Metric.QUALITY: 16,
        Metric.SUBJECT_FIDELITY: 4,
        Metric.PRES: 4,
        Metric.DIV: 4,
        Metric.IDENTITY_LEAK: 8,
    }
    for score in card.scores.values():
        assert score.value == pytest.approx(np.mean(score.samples))
        assert score.low <= score.value <= score.high


def test_a_good_training_scores_high_and_a_burnt_one_low(corner: CornerEncoder, reference: Reference) -> None:
    good = score_checkpoint("good", drawn_as(STYLED), SAMPLES, corner, reference)
    burnt = score_checkpoint("burnt", drawn_as(BURNT), SAMPLES, corner, reference)
    assert good.value(Metric.IDENTITY) == pytest.approx(1.0, abs=0.1)
    assert good.value(Metric.STYLE) > 0.4
    assert good.value(Metric.PRIOR) == pytest.approx(1.0)
    assert burnt.value(Metric.SUBJECT_FIDELITY) == good.value(Metric.SUBJECT_FIDELITY)  # the same plain pictures
    assert burnt.value(Metric.IDENTITY) == pytest.approx(good.value(Metric.IDENTITY), abs=0.01)
    assert burnt.value(Metric.STYLE) == pytest.approx(0.0, abs=1e-6)
    assert burnt.value(Metric.PRIOR) == pytest.approx(0.0, abs=0.15)
    assert burnt.value(Metric.DIVERSITY) < 0.1


def test_div_is_of_the_subject_and_diversity_of_the_class(corner: CornerEncoder, reference: Reference) -> None:
    """The subject in one picture over and over, while men stay as different as the base model draws them."""
    repeated = {INSTANCE: [TAUGHT[INSTANCE][0]] * 4}
    card = score_checkpoint("c", drawn_as(repeated), SAMPLES, corner, reference)
    assert card.value(Metric.DIV) == pytest.approx(0.0, abs=1e-6)
    assert card.value(Metric.DIVERSITY) == pytest.approx(1.0)


def test_the_order_of_the_images_does_not_matter(corner: CornerEncoder, reference: Reference) -> None:
    pairs = list(zip(drawn_as(STYLED), SAMPLES, strict=True))
    random.Random(0).shuffle(pairs)
    images, samples = zip(*pairs, strict=True)
    shuffled = score_checkpoint("c", images, samples, corner, reference)
    assert shuffled.scores == score_checkpoint("c", drawn_as(STYLED), SAMPLES, corner, reference).scores


def test_style_is_paired_by_seed(corner: CornerEncoder, reference: Reference) -> None:
    """One seed of one style falls back to the plain picture: its sample alone is 0."""
    images = drawn_as({**STYLED, INK_KEY: [TAUGHT[INSTANCE][0], *STYLED[INK_KEY][1:]]})
    style = score_checkpoint("c", images, SAMPLES, corner, reference).scores[Metric.STYLE].samples
    whole = score_checkpoint("c", drawn_as(STYLED), SAMPLES, corner, reference).scores[Metric.STYLE].samples
    assert style[0] == pytest.approx(0.0, abs=1e-6)
    assert style[1:] == whole[1:]


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


def test_a_style_unknown_to_the_base_has_no_say(corner: CornerEncoder) -> None:
    images = base_images()
    images["man, neon"] = images["photo of man"]
    reference = build_reference(PROMPTS, SEEDS, images, PHOTOS, corner)
    score = score_checkpoint("c", drawn_as(STYLED), SAMPLES, corner, reference).scores[Metric.STYLE]
    assert np.isnan(score.samples[1::2]).all()  # ink and neon take turns
    assert score.value == pytest.approx(np.mean(score.samples[::2]))
    assert unmeasurable(score_base(SAMPLES, reference)) == (
        "style cannot be measured with 'ohwx man, neon': the base model does not draw this style; "
        "choose one that it knows",
    )


def test_memorisation_is_measured_where_photos_are_held_out(corner: CornerEncoder) -> None:
    held_out = [[pixels(unit(SUBJECT + 0.45 * INK))]]
    reference = build_reference(PROMPTS, SEEDS, base_images(), PHOTOS, corner, held_out)
    repeating = {INSTANCE: [PHOTOS[0][1]] * 4}
    taught, repeated = (
        score_checkpoint("c", drawn_as(changes), SAMPLES, corner, reference).scores[Metric.MEMORISATION]
        for changes in ({INSTANCE: [held_out[0][0]] * 4}, repeating)
    )
    assert len(taught.samples) == 4
    # The nearest of one training photo at random is the mean cosine to all five.
    rows = corner.encode_images([*PHOTOS[0], held_out[0][0]])
    expected = (rows[:5] @ rows[1]).mean() - rows[5] @ rows[1]
    assert repeated.value == pytest.approx(expected, abs=1e-6)
    assert taught.value < 0 < repeated.value
    assert Metric.MEMORISATION in score_base(SAMPLES, reference).scores


def test_a_concept_without_held_out_photos_is_left_out(corner: CornerEncoder) -> None:
    other = EvaluationPrompt(PromptKind.INSTANCE, 1, 0, "photo of zwx man", "photo of man")
    held_out = [[pixels(unit(SUBJECT + 0.45 * INK))], []]
    reference = build_reference((*PROMPTS, other), SEEDS, base_images(), [*PHOTOS, *PHOTOS], corner, held_out)
    samples = [
        SampleImage(path="", prompt=other.prompt, kind=other.kind, concept=1, prompt_index=0, seed=seed)
        for seed in SEEDS
    ]
    card = score_base([*SAMPLES, *samples], reference)
    assert len(card.scores[Metric.MEMORISATION].samples) == 4
    assert len(card.scores[Metric.IDENTITY].samples) == 3 * 4 + 4
    assert unmeasurable(card) == ()


def test_without_held_out_photos_there_is_nothing_instead_of_nan(corner: CornerEncoder, reference: Reference) -> None:
    card = score_base(SAMPLES, reference)
    assert not HELD_OUT & set(card.scores)
    assert with_validation_loss(card, ()) is card


def test_the_validation_loss_joins_the_card_with_its_interval(reference: Reference) -> None:
    card = with_validation_loss(score_base(SAMPLES, reference), (0.1, 0.3, 0.2, 0.2))
    score = card.scores[Metric.VALIDATION_LOSS]
    assert score.value == pytest.approx(0.2)
    assert score.samples == (0.1, 0.3, 0.2, 0.2)
    assert 0.0 < score.low < 0.2 < score.high
    broken = with_validation_loss(card, (0.1, math.nan)).scores[Metric.VALIDATION_LOSS]
    assert math.isnan(broken.value)
    assert unmeasurable(card) == ()


def test_an_encoder_that_does_not_know_the_subject(corner: CornerEncoder) -> None:
    reference = build_reference(PROMPTS, SEEDS, base_images(), [base_images()["photo of man"]], corner)
    card = score_checkpoint("c", drawn_as(STYLED), SAMPLES, corner, reference)
    assert math.isnan(card.value(Metric.IDENTITY))
    assert math.isnan(card.value(Metric.PRIOR))
    assert math.isfinite(card.value(Metric.STYLE))
    assert [line.split()[0] for line in unmeasurable(score_base(SAMPLES, reference))] == ["identity", "prior"]


def test_of_several_concepts_it_is_said_which_one_cannot_be_measured(corner: CornerEncoder) -> None:
    """Both are men, so their base prompts are the same; the encoder finds the second like any other man."""
    prompts = [*PROMPTS, *(replace(prompt, concept=1) for prompt in PROMPTS)]
    photos = [*PHOTOS, base_images()["photo of man"]]
    samples = [*SAMPLES, *(sample.model_copy(update={"concept": 1}) for sample in SAMPLES)]
    for eyes, name in ((None, "the encoder of style"), (corner, "an encoder of its own")):
        reference = build_reference(prompts, SEEDS, base_images(), photos, corner, identity_encoder=eyes)
        places = [line.partition(":")[0] for line in unmeasurable(score_base(samples, reference))]
        assert places == [
            "identity cannot be measured for concepts[1]",
            "prior cannot be measured with 'photo of man' for concepts[1]",
        ], name


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
    for metric in (Metric.IDENTITY, Metric.STYLE, Metric.QUALITY, Metric.PROMPT_FIDELITY, Metric.PRIOR):
        count = len(few.scores[metric].samples)
        assert count == len(all_of_them.scores[metric].samples) // 2
        assert all_of_them.scores[metric].samples[:count] == pytest.approx(few.scores[metric].samples)
    assert [image.seed for image in few.images] == [1] * 4 + [2] * 4


def test_other_seeds_than_the_first_are_refused(corner: CornerEncoder, reference: Reference) -> None:
    pairs = [(image, s) for image, s in zip(drawn_as(STYLED), SAMPLES, strict=True) if s.seed in SEEDS[2:]]
    images, samples = zip(*pairs, strict=True)
    with pytest.raises(ValueError, match="expected 8 images, one a prompt and seed of the reference, got 8"):
        score_checkpoint("c", images, samples, corner, reference)
