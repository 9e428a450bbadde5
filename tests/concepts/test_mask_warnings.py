"""What a plan says of masks, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from dbsweep.concepts.framing import Framing
from dbsweep.concepts.mask_warnings import mask_sentences
from dbsweep.config.concept import Concept
from dbsweep.config.schema import Experiment
from dbsweep.errors import InputError
from tests.concepts.plain import plain_concept

SQUARE = Framing(resolution=64)


def write(folder: Path, *names: str, size: tuple[int, int] = (64, 64)) -> Path:
    """Photos, and masks that leave the upper quarter."""
    folder.mkdir(exist_ok=True)
    for name in names:
        if "-masklabel" in name:
            mask = Image.new("L", size, 0)
            mask.paste(255, (0, 0, size[0], size[1] // 4))
            mask.save(folder / name)
        else:
            Image.effect_noise(size, 60).convert("RGB").save(folder / name)
    return folder


def cut_out(path: Path) -> None:
    """Its right half is transparent."""
    image = Image.effect_noise((64, 64), 60).convert("RGBA")
    image.paste((0, 0, 0, 0), (32, 0, 64, 64))
    image.save(path)


def told(*concepts: Concept, framing: Framing = SQUARE, weight: object = 0.0, **search: object) -> list[str]:
    experiment = Experiment.model_validate(
        {
            "name": "demo",
            "base_model": "minisd",
            "concepts": [concept.model_dump() for concept in concepts],
            "train": {"resolution": 64, "background_weight": weight},
            "search": search,
        }
    )
    return list(mask_sentences(experiment, [framing]))


def test_how_many_have_one_and_what_it_leaves(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "a-masklabel.png", "b.png", "c.png", "d.jpg")
    assert told(plain_concept(tmp_path)) == [
        "ohwx: 1 of 4 photos has a mask, by which 25% of the picture is the subject; 3 (b.png, c.png, d.jpg) without"
        " count everywhere"
    ]
    cut_out(tmp_path / "b.png")
    assert told(plain_concept(tmp_path)) == [
        "ohwx: 2 of 4 photos have a mask, by which 38% of the picture is the subject; 2 (c.png, d.jpg) without count"
        " everywhere"
    ]
    write(tmp_path, "c-masklabel.png", "d-masklabel.png")
    assert told(plain_concept(tmp_path)) == [
        "ohwx: 4 of 4 photos have a mask, by which 31% of the picture is the subject"
    ]


def test_photos_that_are_held_out_need_none(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "a-masklabel.png", "b.png")
    assert told(plain_concept(tmp_path, validation_photos=1)) == [
        "ohwx: 1 of 1 photo has a mask, by which 25% of the picture is the subject"
    ]


def test_one_concept_may_go_without_beside_another(tmp_path: Path) -> None:
    man, dog = write(tmp_path / "man", "a.png", "a-masklabel.png"), write(tmp_path / "dog", "a.png")
    other = plain_concept(dog).model_dump() | {"instance_token": "zwx"}
    other |= {"instance_prompt": "zwx dog", "sanity_prompts": ["zwx dog, ink"]}
    assert told(plain_concept(man), Concept.model_validate(other))[1:] == [
        "zwx: 0 of 1 photo have a mask; 1 (a.png) without counts everywhere"
    ]


@pytest.mark.parametrize(
    ("given", "named", "fix"),
    [
        ({"weight": 0.25}, "train.background_weight 0.25", "set train.background_weight: 1"),
        ({"background_weight": [0.0, 1.0]}, "search.background_weight [0, 1]", "take background_weight out of search"),
        (
            {"background_weight": {"uniform": [0.2, 1]}, "samples": 2},
            "search.background_weight uniform [0.2, 1]",
            "take background_weight out of search",
        ),
    ],
    ids=str,
)
def test_no_mask_at_all_is_an_error(tmp_path: Path, given: dict[str, object], named: str, fix: str) -> None:
    concept = plain_concept(write(tmp_path, "a.png", "b.png"))
    with pytest.raises(InputError) as error:
        told(concept, **given)  # type: ignore[arg-type]
    assert str(error.value) == (
        f"{named} needs masks, and of 2 photos none has one: save photos with their background transparent, put"
        f" NAME-masklabel.png beside NAME, white where the subject is, or {fix}"
    )


def test_every_mask_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "b.png", "c.png", "c-masklabel.png")
    write(tmp_path, "a-masklabel.png", size=(32, 64))
    Image.new("L", (64, 64)).save(tmp_path / "b-masklabel.png")
    with pytest.raises(InputError, match=r"a-masklabel\.png has 32×64 .*; mask .*b-masklabel\.png is black all over"):
        told(plain_concept(tmp_path))


def test_a_crop_that_leaves_the_subject_off_is_found_before_it_trains(tmp_path: Path) -> None:
    concept = plain_concept(write(tmp_path, "a.png", "a-masklabel.png", size=(64, 256)))
    with pytest.raises(InputError, match=r"a\.png shows nothing of what its mask leaves when it is cut to a square"):
        told(concept)
    with pytest.raises(InputError, match=r"lower train\.random_crops"):
        told(concept, framing=Framing(resolution=64, crops=2))
    assert told(concept, framing=Framing(resolution=64, buckets=True))[0].startswith("ohwx: 1 of 1 photo has a mask")


def test_masks_of_nothing_are_passed_over_and_told_of(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "a-masklabel.png", "b.png", "b-masklabel.jpg", "gone-masklabel.png")
    assert told(plain_concept(tmp_path))[1:] == [
        "ohwx: 2 masks (b-masklabel.jpg, gone-masklabel.png) are passed over: a mask is NAME-masklabel.png beside its"
        " photo NAME"
    ]


def test_a_mask_beside_a_photo_that_is_transparent_itself_is_told_of(tmp_path: Path) -> None:
    write(tmp_path, "a-masklabel.png", "b.png", "b-masklabel.png")
    cut_out(tmp_path / "a.png")
    assert told(plain_concept(tmp_path))[1:] == [
        "ohwx: 1 mask (a-masklabel.png) is not read, because a.png is transparent itself: keep what you mean"
    ]


def test_masks_that_nothing_reads_are_told_of(tmp_path: Path) -> None:
    concept = plain_concept(write(tmp_path, "a.png", "b.png"))
    assert told(concept, weight=1) == []
    write(tmp_path, "a-masklabel.png", "b-masklabel.png")
    assert told(concept, weight=1) == [
        "ohwx: 2 masks (a-masklabel.png, b-masklabel.png) are not read: set train.background_weight below 1 if they"
        " should be"
    ]
    assert told(concept, weight=1, background_weight=[0.5, 1.0])[0].startswith("ohwx: 2 of 2 photos have a mask")
    (tmp_path / "a-masklabel.png").write_text("not even looked at")
    assert len(told(concept, weight=0, background_weight=[1.0])) == 1
