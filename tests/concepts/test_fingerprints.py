"""Whether photos, captions and class images are still what they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.concepts import fingerprints as module
from dbsweep.concepts.fingerprints import differences
from dbsweep.config.schema import Concept, Experiment


def concept(folder: Path, **changes: object) -> Concept:
    """Two photos with captions, one held-out photo and one class image."""
    for name in ("photos/0.png", "photos/0.txt", "photos/1.png", "photos/1.txt", "held/0.png", "own/0.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    given: dict[str, object] = {
        "instance_images": folder / "photos",
        "validation_images": folder / "held",
        "class_images": {"folder": folder / "own"},
        "instance_token": "ohwx",
        "class_token": "man",
        "instance_prompt": "[filewords]",
        "class_prompt": "photo of man",
        "sanity_prompts": ["photo of ohwx man, ink"],
        **changes,
    }
    return Concept.model_validate(given)


def fingerprints(taught: Concept, **train: object) -> dict[str, str]:
    """Of an experiment with this one concept."""
    given = {"name": "demo", "base_model": "minisd", "concepts": [taught.model_dump()], "train": train}
    return module.fingerprints(Experiment.model_validate(given))


def test_names_do_not_depend_on_where_the_folders_lie(tmp_path: Path) -> None:
    here, there = fingerprints(concept(tmp_path / "a")), fingerprints(concept(tmp_path / "b"))
    assert here == there
    assert sorted(here) == [
        "concepts[0].class_images.folder/0.png",
        "concepts[0].instance_images/0.png",
        "concepts[0].instance_images/0.txt",
        "concepts[0].instance_images/1.png",
        "concepts[0].instance_images/1.txt",
        "concepts[0].validation_images/0.png",
    ]
    assert differences(here, there) is None


def test_captions_that_no_prompt_reads_do_not_count(tmp_path: Path) -> None:
    found = fingerprints(concept(tmp_path, instance_prompt="photo of ohwx man"))
    assert not any(name.endswith(".txt") for name in found)


def test_captions_count_wherever_they_stand(tmp_path: Path) -> None:
    taught = concept(tmp_path)
    (tmp_path / "photos" / "0.txt").rename(tmp_path / "photos" / "0.caption")
    (tmp_path / "photos" / "1.txt").unlink()
    (tmp_path / "photos" / "metadata.jsonl").write_text("")
    names = [name.removeprefix("concepts[0].instance_images/") for name in fingerprints(taught)]
    assert {"0.caption", "metadata.jsonl"} < set(names)


def test_masks_count_where_a_trial_reads_them(tmp_path: Path) -> None:
    """Those of photos that train; masks are no photos at any setting."""
    taught = concept(tmp_path, validation_photos=1)
    plain = fingerprints(taught)
    for name in ("photos/0-masklabel.png", "photos/1-masklabel.png", "held/0-masklabel.png", "own/0-masklabel.png"):
        (tmp_path / name).write_text(name)
    assert fingerprints(taught) == fingerprints(taught, background_weight=1.0) == plain
    before = fingerprints(taught, background_weight=0.0)
    assert set(before) - set(plain) == {"concepts[0].instance_images/0-masklabel.png"}
    (tmp_path / "photos" / "0-masklabel.png").write_text("another")
    told = "changed: concepts[0].instance_images/0-masklabel.png"
    assert differences(before, fingerprints(taught, background_weight=0.0)) == told


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("photos/1.txt", "another", "changed: concepts[0].instance_images/1.txt"),
        ("photos/2.png", "more", "new: concepts[0].instance_images/2.png"),
        ("own/0.png", "another", "changed: concepts[0].class_images.folder/0.png"),
        ("held/0.png", "0.png/held", "changed: concepts[0].validation_images/0.png"),  # of the same length
        ("photos/1.png", None, "gone: concepts[0].instance_images/1.png, concepts[0].instance_images/1.txt"),
    ],
)
def test_what_came_went_or_changed_is_named(tmp_path: Path, name: str, content: str | None, told: str) -> None:
    taught = concept(tmp_path)
    before = fingerprints(taught)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(content)
    assert differences(before, fingerprints(taught)) == told


def test_only_the_first_names_are_told() -> None:
    assert differences({}, dict.fromkeys("abcde", "")) == "new: a, b, c and 2 more"
