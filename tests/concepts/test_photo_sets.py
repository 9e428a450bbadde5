"""Which photos train and which are only looked at."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from dbsweep.concepts.photo_sets import (
    held_out_photos,
    held_out_sentence,
    shared_folders,
    trained_elsewhere,
    training_photos,
    unread_folders,
    unset_repeats,
)
from dbsweep.config.concept import Concept
from dbsweep.errors import InputError
from tests.concepts.plain import plain_concept


def concept(folder: Path, photos: int, **changes: object) -> Concept:
    folder.mkdir(exist_ok=True)
    for index in range(photos):
        Image.new("RGB", (8, 8)).save(folder / f"{index:02d}.png")
    return plain_concept(folder, **changes)


PROMPTS = {"instance_prompt": "[filewords]", "sanity_prompts": ["[filewords], ink"]}
"""That name no token."""


def names(photos: tuple[Path, ...]) -> list[str]:
    return [photo.stem for photo in photos]


@pytest.mark.parametrize(
    ("photos", "count", "held_out"),
    [(12, 2, ["03", "09"]), (12, 1, ["06"]), (5, 4, ["00", "01", "03", "04"]), (3, 2, ["00", "02"]), (3, 0, [])],
)
def test_held_out_photos_are_spread_and_never_trained(
    tmp_path: Path, photos: int, count: int, held_out: list[str]
) -> None:
    given = concept(tmp_path / "photos", photos, validation_photos=count)
    assert names(held_out_photos(given)) == held_out
    assert names(training_photos(given)) == [f"{i:02d}" for i in range(photos) if f"{i:02d}" not in held_out]
    assert given.has_held_out == bool(count)


def test_a_folder_of_their_own_is_added(tmp_path: Path) -> None:
    own = concept(tmp_path / "own", 2).instance_images
    given = concept(tmp_path / "photos", 3, validation_photos=1, validation_images=own)
    assert held_out_photos(given) == (tmp_path / "photos" / "01.png", own / "00.png", own / "01.png")
    assert held_out_sentence(given) == (
        "ohwx: 2 photos train, 3 are held out to measure validation_loss and memorisation by "
        "(01.png and of validation_images 00.png, 01.png)"
    )
    two = concept(tmp_path / "two", 2, validation_photos=1)
    assert str(held_out_sentence(two)).startswith("ohwx: 1 photo trains, 1 is held out to measure")
    alone = concept(tmp_path / "photos", 3, validation_images=own)
    assert str(held_out_sentence(alone)).endswith("memorisation by (00.png, 01.png)")
    assert held_out_sentence(concept(tmp_path / "photos", 3)) is None


def test_something_must_be_left_to_train(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds out 3 of 3 photos in .*: nothing would be left to train; lower it"):
        training_photos(concept(tmp_path / "photos", 3, validation_photos=3))


def test_concepts_that_share_their_photos_are_told_of(tmp_path: Path) -> None:
    first = concept(tmp_path / "photos", 1)
    other = concept(tmp_path / "others", 1, instance_token="zwx", **PROMPTS)
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    same = concept(tmp_path / "link", 1, instance_token="sks", **PROMPTS)
    assert list(shared_folders([first, other])) == []
    (told,) = shared_folders([first, other, same])
    assert told.startswith(f"sks and ohwx have the same photos, in {tmp_path / 'link'}: both words will mean")


def test_held_out_photos_that_another_concept_trains_are_told_of(tmp_path: Path) -> None:
    first = concept(tmp_path / "photos", 6, validation_photos=2)
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    same = concept(tmp_path / "link", 6, instance_token="sks", validation_photos=1, **PROMPTS)
    assert list(trained_elsewhere([first, same])) == [
        "2 photos that ohwx holds out are trained as sks (01.png, 04.png): what they measure of ohwx is no longer of"
        " photos that the model has not seen",
        "1 photo that sks holds out is trained as ohwx (03.png): what they measure of sks is no longer of photos that"
        " the model has not seen",
    ]
    other = concept(tmp_path / "others", 5, instance_token="zwx", validation_images=first.instance_images, **PROMPTS)
    (told,) = trained_elsewhere([first, other])
    assert told.startswith("4 photos that zwx holds out are trained as ohwx (00.png, 02.png, 03.png, …)")
    assert list(trained_elsewhere([first, first.model_copy(update={"instance_token": "zwx"})])) == []


def test_photos_in_folders_below_are_told_of_unless_a_setting_names_them(tmp_path: Path) -> None:
    photos = concept(tmp_path / "photos", 1).instance_images
    for below in ("held out", "20_ohwx man", ".thumbnails", "own"):
        concept(photos / below, 1)
    (photos / "notes").mkdir()
    given = concept(photos, 1, validation_images=photos / "held out", class_images={"folder": photos / "own"})
    (told,) = unread_folders([given, given])
    assert told == f"photos in the folders below {photos} are not read (20_ohwx man): move those into it that should be"
    assert list(unread_folders([concept(photos / "own", 1)])) == []


@pytest.mark.parametrize(
    ("folder", "repeats", "told"),
    [
        (
            "20_ohwx man",
            1,
            "20 times an epoch, and here it is trained once: set repeats: 20, or 20 times the epochs",
        ),
        ("05_man", 1, "set repeats: 5"),
        ("20_ohwx man", 20, None),
        ("20_ohwx man", 10, None),
        ("1_man", 1, None),
        ("2023_summer", 1, None),
        ("20 photos", 1, None),
    ],
)
def test_repeats_in_the_name_of_a_folder_are_told_of(
    tmp_path: Path, folder: str, repeats: int, told: str | None
) -> None:
    sentence = unset_repeats(plain_concept(tmp_path / folder, repeats=repeats))
    assert (sentence is None) == (told is None)
    assert told is None or told in str(sentence)
