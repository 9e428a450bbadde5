"""Identity by an encoder of its own, one that sees nothing in some images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dbsweep.errors import InputError
from dbsweep.records.names import Metric, PromptKind
from dbsweep.records.results import SampleImage
from dbsweep.scoring.encoders import Embeddings, Pixels
from dbsweep.scoring.prompts import EvaluationPrompt
from dbsweep.scoring.reference import Reference, build_reference
from dbsweep.scoring.scorecard import score_base, score_checkpoint
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
    base_drawn,
    base_images,
    drawn_as,
)


class FaceOf(CornerEncoder):
    """As the corner encoder, but blind for the images that are given."""

    name = "face:corner"

    def __init__(self, faceless: Sequence[Pixels] = ()) -> None:
        self._faceless = {image.tobytes() for image in faceless}

    def encode_images(self, images: Sequence[Pixels]) -> Embeddings:
        rows = super().encode_images(images)
        rows[[image.tobytes() in self._faceless for image in images]] = np.nan
        return rows


def reference_with(faces: FaceOf) -> Reference:
    return build_reference(PROMPTS, SEEDS, base_images(), PHOTOS, CornerEncoder(), identity_encoder=faces)


def test_identity_is_the_other_encoders_and_the_rest_is_not() -> None:
    faces, corner = FaceOf(), CornerEncoder()
    plain = build_reference(PROMPTS, SEEDS, base_images(), PHOTOS, corner)
    with_faces = score_checkpoint("c", drawn_as(STYLED), SAMPLES, corner, reference_with(faces), faces)
    without = score_checkpoint("c", drawn_as(STYLED), SAMPLES, corner, plain)
    assert with_faces.scores[Metric.FACES].samples == (1.0,) * 4
    assert set(with_faces.scores) - set(without.scores) == {Metric.FACES}
    for metric, score in without.scores.items():  # the same eyes here
        # Identity by other eyes is of the instance prompt alone, the first of three with the subject.
        expected = score.samples[::3] if metric is Metric.IDENTITY else score.samples
        assert with_faces.scores[metric].samples == pytest.approx(expected, abs=1e-6)


def test_eyes_that_see_more_than_faces_count_none() -> None:
    eyes = CornerEncoder()
    reference = build_reference(PROMPTS, SEEDS, base_images(), PHOTOS, eyes, identity_encoder=eyes)
    images = drawn_as({**STYLED, INSTANCE: [BLANK, *STYLED[INSTANCE][1:]]})
    card = score_checkpoint("c", images, SAMPLES, eyes, reference, eyes)
    assert Metric.FACES not in card.scores
    assert np.isnan(card.scores[Metric.IDENTITY].samples).tolist() == [True, False, False, False], "it is blank"


def test_images_without_a_face_have_no_identity_and_are_counted() -> None:
    images = drawn_as(STYLED)
    faces = FaceOf([STYLED[INSTANCE][2]])
    card = score_checkpoint("c", images, SAMPLES, CornerEncoder(), reference_with(faces), faces)
    assert np.isnan(card.scores[Metric.IDENTITY].samples).tolist() == [False, False, True, False]
    assert card.value(Metric.IDENTITY) == pytest.approx(1.0, abs=0.1)
    assert card.value(Metric.FACES) == 0.75


def test_base_images_without_a_face_are_left_out_of_the_scale() -> None:
    faceless = base_images()["photo of man"][1]
    reference = reference_with(FaceOf([faceless, PHOTOS[0][3]]))
    card = score_base(SAMPLES, reference)
    assert card.value(Metric.IDENTITY) == pytest.approx(0.0, abs=1e-6)
    assert card.value(Metric.FACES) == 0.75
    assert unmeasurable(card) == ()


def test_a_base_model_that_draws_no_faces_leaves_nothing_to_measure_from() -> None:
    faces = FaceOf([image for images in base_images().values() for image in images])
    reference = reference_with(faces)
    base = score_base(SAMPLES, reference)
    assert unmeasurable(base) == (
        "identity cannot be measured: no picture of the class by the base model shows a face",
    )
    card = score_checkpoint("c", drawn_as(STYLED), SAMPLES, CornerEncoder(), reference, faces)
    assert np.isnan(card.scores[Metric.IDENTITY].samples).tolist() == [True] * 4
    assert card.value(Metric.FACES) == 1.0


def test_a_context_with_faces_is_nothing_to_measure_by_where_plain_pictures_have_none() -> None:
    beach = EvaluationPrompt(PromptKind.INSTANCE, 0, 1, "ohwx man, beach", "man, beach")
    images = {**base_images(), "man, beach": base_images()["man, ink"]}
    faces = FaceOf(base_images()["photo of man"])
    reference = build_reference([*PROMPTS, beach], SEEDS, images, PHOTOS, CornerEncoder(), identity_encoder=faces)
    samples = [
        SampleImage(path="", prompt=beach.prompt, kind=beach.kind, concept=0, prompt_index=1, seed=seed)
        for seed in SEEDS
    ]
    card = score_base([*SAMPLES, *samples], reference)
    assert np.isnan(card.scores[Metric.IDENTITY].samples).tolist() == [True] * 8
    assert card.value(Metric.FACES) == 0.5


def test_photos_without_a_face_cannot_be_measured_against() -> None:
    with pytest.raises(InputError, match=r"concepts\[0\]: face:corner finds no face in any of 5 photos"):
        reference_with(FaceOf(PHOTOS[0]))


def test_it_is_kept_beside_the_reference(tmp_path: Path) -> None:
    faces = FaceOf([base_images()["photo of man"][1]])
    reference = reference_with(faces)
    reference.save(tmp_path / "reference.npz")
    again = Reference.load(tmp_path / "reference.npz")
    assert again.likeness is not None
    assert again.likeness.encoder == "face:corner"
    assert again.likeness.sees_faces
    first, second = (
        score_checkpoint("c", base_drawn(), SAMPLES, CornerEncoder(), each, faces).scores[Metric.IDENTITY].samples
        for each in (reference, again)
    )
    assert first == pytest.approx(second, nan_ok=True)


def test_of_several_concepts_each_keeps_its_own(tmp_path: Path) -> None:
    prompts = [*PROMPTS, *(replace(prompt, concept=1, base_prompt="man, ink") for prompt in PROMPTS)]
    eyes = FaceOf()
    reference = build_reference(
        prompts, SEEDS, base_images(), [*PHOTOS, PHOTOS[0][:2]], CornerEncoder(), identity_encoder=eyes
    )
    reference.save(tmp_path / "reference.npz")
    kept, again = reference.likeness, Reference.load(tmp_path / "reference.npz").likeness
    assert kept is not None
    assert again is not None
    assert [len(rows) for rows in again.photos] == [5, 2]
    assert list(again.base) == list(kept.base) == [INSTANCE, (PromptKind.INSTANCE, 1, 0)]
    assert all((again.base[key] == kept.base[key]).all() for key in kept.base)


def test_another_encoder_of_identity_is_refused() -> None:
    with pytest.raises(ValueError, match="the reference was made by 'face:corner', not by None"):
        score_checkpoint("c", base_drawn(), SAMPLES, CornerEncoder(), reference_with(FaceOf()))
