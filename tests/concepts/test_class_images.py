"""The pool of class images: own images first, then drawn ones; the first n are the same for every n."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dbsweep.concepts.class_images import FIRST_SEED, ClassImagePool, class_image_pool, own_class_images
from dbsweep.config.schema import ClassImages, Concept
from dbsweep.sampling.grammar import escape

PIXELS = np.full((32, 32, 3), 7, dtype=np.uint8)


def concept(**changes: object) -> Concept:
    given: dict[str, object] = {
        "instance_images": "photos",
        "instance_token": "ohwx",
        "class_token": "man",
        "instance_prompt": "photo of ohwx man",
        "class_prompt": "photo of man",
        "sanity_prompts": ["photo of ohwx man, ink poster style"],
        **changes,
    }
    return Concept.model_validate(given)


def pool(
    root: Path, *, base_sha256: str = "abc", resolution: int = 32, clip_skip: int = 1, **changes: object
) -> ClassImagePool:
    own = concept(**changes)
    return class_image_pool(
        root, own, escape=escape, base_sha256=base_sha256, size=(resolution, resolution), clip_skip=clip_skip
    )


def own_folder(path: Path, count: int) -> Path:
    path.mkdir()
    for index in range(count):
        Image.fromarray(PIXELS).save(path / f"mine{index}.png")
    return path


def test_missing_images_are_listed_stored_and_no_longer_missing(tmp_path: Path) -> None:
    images = pool(tmp_path)
    wanted = images.missing(3)
    assert [(r.index, r.seed, r.prompt) for r in wanted] == [(i, FIRST_SEED + i, "photo of man") for i in range(3)]
    assert {(r.width, r.height, r.guidance_scale, r.num_inference_steps) for r in wanted} == {(32, 32, 3.0, 20)}
    path = images.store(wanted[1], PIXELS)
    assert [r.index for r in images.missing(3)] == [0, 2]
    assert np.array_equal(np.asarray(Image.open(path)), PIXELS)
    assert path.with_suffix(".txt").read_text() == "photo of man\n"
    for request in images.missing(3):
        images.store(request, PIXELS)
    assert images.missing(3) == ()
    assert all(p.exists() for p in images.paths(3))
    assert len(list(images.folder.iterdir())) == 6  # nothing half-written


@pytest.mark.parametrize("suffix", [".png", ".txt"])
def test_what_a_power_cut_left_empty_is_drawn_again(tmp_path: Path, suffix: str) -> None:
    images = pool(tmp_path)
    for request in images.missing(2):
        path = images.store(request, PIXELS)
    path.with_suffix(suffix).write_bytes(b"")
    assert [request.index for request in images.missing(2)] == [1]


@pytest.mark.parametrize("damage", ["cut", "flipped", "text"])
def test_a_damaged_image_is_drawn_again(tmp_path: Path, damage: str) -> None:
    images, noise = pool(tmp_path), np.random.default_rng(0).integers(0, 256, PIXELS.shape, dtype=np.uint8)
    for request in images.missing(2):
        path = images.store(request, noise)
    whole = path.read_bytes()
    path.write_bytes(
        {
            "cut": whole[:-100],
            "flipped": whole[:500] + bytes([whole[500] ^ 1]) + whole[501:],
            "text": b"not a picture",
        }[damage]
    )
    assert [request.index for request in images.missing(2)] == [1]
    images.store(images.missing(2)[0], noise)
    assert images.missing(2) == ()


def test_smaller_trials_use_the_first_images(tmp_path: Path) -> None:
    images = pool(tmp_path)
    assert images.paths(2) == images.paths(5)[:2]
    assert images.missing(2) == images.missing(5)[:2]
    assert (images.paths(0), images.missing(0)) == ((), ())


def test_own_images_come_first_and_are_topped_up(tmp_path: Path) -> None:
    folder = own_folder(tmp_path / "mine", 2)
    images = pool(tmp_path / "pool", class_images=ClassImages(folder=folder))
    assert [p.name for p in images.paths(4)] == ["mine0.png", "mine1.png", "000000.png", "000001.png"]
    assert [r.index for r in images.missing(4)] == [0, 1]
    assert (images.missing(2), images.paths(1)) == ((), (folder / "mine0.png",))


def test_own_images_of_a_concept_that_goes_without_are_left_alone(tmp_path: Path) -> None:
    own = ClassImages(folder=own_folder(tmp_path / "mine", 2), enabled=False)
    assert own_class_images(concept(class_images=own)) == ()
    assert len(own_class_images(concept(class_images=own.model_copy(update={"enabled": True})))) == 2


def test_own_images_are_not_decoded_whenever_a_branch_asks_for_the_pool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = own_folder(tmp_path / "mine", 2)
    opened: list[object] = []
    monkeypatch.setattr(Image, "open", opened.append)
    assert len(pool(tmp_path / "pool", class_images=ClassImages(folder=folder)).paths(2)) == 2
    assert opened == []


@pytest.mark.parametrize(
    "change",
    [
        {"class_prompt": "photo of a man"},
        {"class_images": {"negative_prompt": "blurry"}},
        {"class_images": {"guidance_scale": 4.0}},
        {"class_images": {"num_inference_steps": 30}},
        {"base_sha256": "abd"},
        {"resolution": 64},
        {"clip_skip": 2},
    ],
    ids=str,
)
def test_what_changes_the_images_changes_the_folder(tmp_path: Path, change: dict[str, object]) -> None:
    assert pool(tmp_path, **change).folder != pool(tmp_path).folder  # type: ignore[arg-type]


def test_size_and_sampler_are_those_asked_for(tmp_path: Path) -> None:
    asked = {"escape": escape, "base_sha256": "abc"}
    wide, other = (
        class_image_pool(tmp_path, concept(), size=(64, 32), sampler=sampler, **asked)  # type: ignore[arg-type]
        for sampler in ("DPM++ 2M Karras", "Euler a")
    )
    (request,) = other.missing(1)
    assert (request.width, request.height, request.sampler) == (64, 32, "Euler a")
    assert wide.folder != other.folder


def test_concepts_with_the_same_class_share_the_folder(tmp_path: Path) -> None:
    other = pool(tmp_path, instance_token="sks", instance_prompt="sks man", sanity_prompts=["sks man, ink"])
    assert other.folder == pool(tmp_path).folder
    assert other.folder.name.startswith("photo-of-man-")


def test_an_image_of_another_size_is_refused(tmp_path: Path) -> None:
    images = pool(tmp_path)
    with pytest.raises(ValueError, match=r"class image 0 has shape \(16, 32, 3\)"):
        images.store(images.missing(1)[0], PIXELS[:16])
    assert not images.folder.exists()
