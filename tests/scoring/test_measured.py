"""What each metric says of a good training and of a burnt one, and on which images it is measured."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from dbsweep.records.names import BASE, Metric, PromptKind
from dbsweep.records.results import SampleImage
from dbsweep.scoring.measured import by_concept
from dbsweep.scoring.prompts import EvaluationPrompt
from dbsweep.scoring.reference import Reference, build_reference
from dbsweep.scoring.scorecard import score_base, score_checkpoint
from dbsweep.selection.unmeasurable import asked_images, unmeasurable
from tests.scoring.corner import CornerEncoder, pixels
from tests.scoring.men import (
    BURNT,
    INK,
    INK_KEY,
    INSTANCE,
    NEON,
    PHOTOS,
    PROMPTS,
    SAMPLES,
    SEEDS,
    STYLED,
    SUBJECT,
    TAUGHT,
    base_drawn,
    base_images,
    drawn_as,
    unit,
)


def test_the_base_models_card(corner: CornerEncoder, reference: Reference) -> None:
    card = score_base(SAMPLES, reference)
    values = {metric: card.value(metric) for metric in (Metric.IDENTITY, Metric.STYLE, Metric.PRIOR, Metric.DIVERSITY)}
    assert card.checkpoint == BASE
    assert list(values.values()) == pytest.approx([0.0, 1.0, 1.0, 1.0], abs=1e-6)
    assert card.value(Metric.IDENTITY_LEAK) == pytest.approx(0.0, abs=1e-6), "each style starts at its own pictures"
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
    assert burnt.value(Metric.PRES) == pytest.approx(burnt.value(Metric.SUBJECT_FIDELITY)), "the class is the subject"
    assert good.value(Metric.PRES) < burnt.value(Metric.PRES) - 0.5


def test_div_is_of_the_subject_and_diversity_of_the_class(corner: CornerEncoder, reference: Reference) -> None:
    """The subject in one picture over and over, while men stay as different as the base model draws them."""
    repeated = {INSTANCE: [TAUGHT[INSTANCE][0]] * 4}
    card = score_checkpoint("c", drawn_as(repeated), SAMPLES, corner, reference)
    assert card.value(Metric.DIV) == pytest.approx(0.0, abs=1e-6)
    assert card.value(Metric.DIVERSITY) == pytest.approx(1.0)


def test_style_is_paired_by_seed(corner: CornerEncoder, reference: Reference) -> None:
    """One seed of one style falls back to the plain picture: its sample alone is below all others."""
    images = drawn_as({**STYLED, INK_KEY: [TAUGHT[INSTANCE][0], *STYLED[INK_KEY][1:]]})
    style = score_checkpoint("c", images, SAMPLES, corner, reference).scores[Metric.STYLE].samples
    assert np.argmin(style) == 0
    assert style[0] < min(style[1:]) - 0.5


def test_a_style_that_is_gone_is_not_made_up_for_by_another(corner: CornerEncoder, reference: Reference) -> None:
    whole = score_checkpoint("c", drawn_as(STYLED), SAMPLES, corner, reference).value(Metric.STYLE)
    halved = score_checkpoint("c", drawn_as({**STYLED, INK_KEY: TAUGHT[INSTANCE]}), SAMPLES, corner, reference)
    assert whole > 0.4
    assert halved.value(Metric.STYLE) == pytest.approx(0.0, abs=1e-6)
    assert np.mean(halved.scores[Metric.STYLE].samples) == pytest.approx(0.0, abs=1e-6)


def test_styles_of_other_concepts_are_none_of_its_business() -> None:
    """Of concepts with styles 0.5 and 1.0 the score is the mean, not the harmonic one: what fails one is told by it."""
    keys = [(PromptKind.SANITY, 0, 0), (PromptKind.SANITY, 1, 0), (PromptKind.SANITY, 1, 1)]
    values = np.array([[0.5, 0.5], [1.0, 1.0], [0.0, 0.0]])
    assert by_concept(keys, values).tolist() == [[0.5, 0.5], [0.0, 0.0], [0.0, 0.0]]


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


def test_of_more_held_out_photos_than_trained_ones_as_many_are_compared(corner: CornerEncoder) -> None:
    held_out = [pixels(unit(SUBJECT + 0.1 * NEON * i)) for i in range(1, 7)]
    scores = [
        score_base(SAMPLES, build_reference(PROMPTS, SEEDS, base_images(), PHOTOS, corner, [unseen])).scores
        for unseen in (held_out, held_out[: len(PHOTOS[0])])
    ]
    assert scores[0][Metric.MEMORISATION] == scores[1][Metric.MEMORISATION]


def test_each_concept_is_measured_against_its_own_photos(corner: CornerEncoder) -> None:
    """Two subjects, the second far from the first: every sample is what it would be if its concept were alone."""
    others, held_out = [pixels(unit(SUBJECT - 0.9 * INK - 0.1 * NEON * i)) for i in range(5)], [PHOTOS[0][:2]]
    prompts = [*PROMPTS, *(replace(prompt, concept=1) for prompt in PROMPTS)]
    samples = [*SAMPLES, *(sample.model_copy(update={"concept": 1}) for sample in SAMPLES)]
    both = build_reference(prompts, SEEDS, base_images(), [*PHOTOS, others], corner, [*held_out, others[:2]])
    another = drawn_as({**STYLED, INSTANCE: [pixels(unit(SUBJECT + 0.3 * NEON))] * 4})
    card = score_checkpoint("c", [*drawn_as(STYLED), *another], samples, corner, both)
    own = build_reference(PROMPTS, SEEDS, base_images(), [others], corner, [others[:2]])
    alone = score_checkpoint("c", another, SAMPLES, corner, own)
    for metric, score in card.scores.items():
        images = asked_images(metric, score, card.images)
        told = [value for image, value in zip(images, score.samples, strict=True) if image.concept == 1]
        assert told == pytest.approx(alone.scores[metric].samples), metric


def test_what_looks_like_the_photos_is_no_ruin_however_unlike_the_base_model_s(corner: CornerEncoder) -> None:
    red = PHOTOS[0][0].copy()
    red[::2, 1:] = (255, 0, 0)
    reference = build_reference(PROMPTS, SEEDS, base_images(), [[red, *PHOTOS[0][1:]]], corner)
    quality = score_checkpoint("c", drawn_as({INSTANCE: [red] * 4}), SAMPLES, corner, reference).scores[Metric.QUALITY]
    assert quality.samples == pytest.approx([1.0] * 16)
    unlike = build_reference(PROMPTS, SEEDS, base_images(), PHOTOS, corner)
    burnt = score_checkpoint("c", drawn_as({INSTANCE: [red] * 4}), SAMPLES, corner, unlike).scores[Metric.QUALITY]
    assert burnt.samples[0] < 0.5


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
