"""The reference: what it embeds, what it refuses, and its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dbsweep.errors import ModelError, RunError
from dbsweep.records.names import PromptKind
from dbsweep.scoring.prompts import EvaluationPrompt
from dbsweep.scoring.reference import Reference, build_reference, shows_nothing
from tests.scoring.corner import CornerEncoder, pixels

PROMPTS = (
    EvaluationPrompt(PromptKind.INSTANCE, 0, 0, "photo of ohwx man", "photo of man"),
    EvaluationPrompt(PromptKind.SANITY, 0, 0, "ohwx man, ink", "man, ink"),
    EvaluationPrompt(PromptKind.CLASS, 0, 0, "photo of man", "photo of man"),
)
SEEDS = (7, 8)
BASE_IMAGES = {
    "photo of man": [pixels([1.0, 0.0, 0.0]), pixels([0.0, 1.0, 0.0])],
    "man, ink": [pixels([0.0, 0.0, 1.0]), pixels([0.6, 0.8, 0.0])],
}
PHOTOS = [[pixels([0.6, 0.8, 0.0]), pixels([0.8, 0.6, 0.0])]]
BLANK = np.full((4, 4, 3), 9, dtype=np.uint8)


def test_everything_is_embedded(corner: CornerEncoder) -> None:
    reference = build_reference(PROMPTS, SEEDS, BASE_IMAGES, PHOTOS, corner)
    assert reference.encoder == "corner"
    assert reference.photos[0] == pytest.approx(np.array([[0.6, 0.8, 0.0], [0.8, 0.6, 0.0]]))
    assert reference.base[PromptKind.SANITY, 0, 0] == pytest.approx(np.array([[0.0, 0.0, 1.0], [0.6, 0.8, 0.0]]))
    same = [reference.base[kind, 0, 0] for kind in (PromptKind.INSTANCE, PromptKind.CLASS)]
    assert (same[0] == same[1]).all()  # one base prompt, drawn once
    assert reference.prompts[PromptKind.INSTANCE, 0, 0] == "photo of man"
    assert reference.texts[PromptKind.SANITY, 0, 0] == pytest.approx(corner.encode_texts(["man, ink"])[0])


def test_prompt_fidelity_compares_with_the_words_alone(corner: CornerEncoder) -> None:
    weighted = r"photo of ((man)), [ink:1.2] (by \(me\):0.8)"
    prompts = [EvaluationPrompt(PromptKind.SANITY, 0, 0, weighted, weighted)]
    reference = build_reference(prompts, SEEDS, {weighted: BASE_IMAGES["man, ink"]}, PHOTOS, corner)
    assert reference.prompts[PromptKind.SANITY, 0, 0] == weighted
    words = corner.encode_texts(["photo of man, ink:1.2 by (me)"])  # [x:w] is no weight in A1111
    assert reference.texts[PromptKind.SANITY, 0, 0] == pytest.approx(words[0])


def test_the_file_gives_the_same_back(corner: CornerEncoder, tmp_path: Path) -> None:
    reference = build_reference(PROMPTS, SEEDS, BASE_IMAGES, PHOTOS, corner, [[pixels([0.0, 0.6, 0.8])]])
    path = tmp_path / "reference.npz"
    reference.save(path)
    reference.save(path)  # replaces
    loaded = Reference.load(path)
    assert (loaded.encoder, loaded.seeds, loaded.prompts) == (reference.encoder, SEEDS, reference.prompts)
    assert list(loaded.prompts) == list(reference.prompts)  # the order of all samples
    for key in reference.prompts:
        assert (loaded.base[key] == reference.base[key]).all()
        assert (loaded.texts[key] == reference.texts[key]).all()
        assert (loaded.base_features[key] == reference.base_features[key]).all()
    assert (loaded.photos[0] == reference.photos[0]).all()
    assert (loaded.photo_features[0] == reference.photo_features[0]).all()
    assert loaded.held_out[0] == pytest.approx(np.array([[0.0, 0.6, 0.8]]))
    assert [file.name for file in tmp_path.iterdir()] == ["reference.npz"]


def test_a_file_from_before_photos_were_held_out_has_none(corner: CornerEncoder, tmp_path: Path) -> None:
    path = tmp_path / "reference.npz"
    build_reference(PROMPTS, SEEDS, BASE_IMAGES, PHOTOS, corner).save(path)
    with np.load(path) as arrays:
        np.savez(path.with_name("old.npz"), **{name: arrays[name] for name in arrays if name != "unseen0"})
    loaded = Reference.load(path.with_name("old.npz"))
    assert (loaded.held_out[0].shape, loaded.has_held_out) == ((0, 3), False)


@pytest.mark.parametrize("damage", ["missing", "truncated", "text", "pickle", "another"])
def test_a_damaged_file_is_refused(corner: CornerEncoder, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "reference.npz"
    build_reference(PROMPTS, SEEDS, BASE_IMAGES, PHOTOS, corner).save(path)
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:200])
    elif damage == "text":
        path.write_text("not an archive")
    elif damage == "another":
        np.savez(path, numbers=np.zeros(3))
    else:
        np.savez(path, head=np.array([{"a": 1}], dtype=object))
    with pytest.raises(RunError, match=r"cannot read the reference scores .*reference\.npz"):
        Reference.load(path)


def test_a_blank_base_image_is_an_error(corner: CornerEncoder) -> None:
    images = {**BASE_IMAGES, "man, ink": [BASE_IMAGES["man, ink"][0], BLANK]}
    with pytest.raises(ModelError, match="the base model draws a blank image for 'man, ink' with seed 8"):
        build_reference(PROMPTS, SEEDS, images, PHOTOS, corner)


@pytest.mark.parametrize(
    ("image", "blank"),
    [
        (np.zeros((8, 8, 3)), True),
        (np.full((8, 8, 3), 128), True),
        (np.full((8, 8, 3), (200, 30, 40)), True),
        (np.indices((8, 8, 3)).sum(axis=0) * 9, False),
        (np.indices((8, 8, 3)).sum(axis=0) * [9, 0, 0], False),
    ],
    ids=["black", "grey", "red", "gradient", "red gradient"],
)
def test_shows_nothing(image: np.ndarray, blank: bool) -> None:
    assert shows_nothing(image.astype(np.uint8)) is blank
