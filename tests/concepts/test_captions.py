"""Captions from files: the subject named once, left out of class images, and faults told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dbsweep.concepts.captions import (
    Caption,
    as_drawn,
    class_captions,
    class_prompts,
    instance_captions,
    leave_subject_out,
    name_subject,
    read_caption,
    read_captions,
)
from dbsweep.concepts.class_images import ClassImagePool, class_image_pool
from dbsweep.concepts.photos import list_photos
from dbsweep.config.schema import Concept
from dbsweep.errors import InputError
from dbsweep.sampling.grammar import escape
from tests.concepts.plain import captioned


def pool_of(concept: Concept, root: Path, how: Callable[[str], str] = escape) -> ClassImagePool:
    return class_image_pool(root, concept, escape=how, base_sha256="abc", size=(32, 32))


PLAIN = {"instance_prompt": "photo of ohwx man", "class_prompt": "photo of man"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("A man with dark hair is smiling", "ohwx man with dark hair is smiling"),
        ("photo of the man, one man", "photo of ohwx man, one man"),
        ("Man smiling", "ohwx Man smiling"),
        ("a woman smiling", "ohwx man, a woman smiling"),
        ("photo of ohwx man, a man", "photo of ohwx man, a man"),
        ("an OHWX thing", "an OHWX thing"),
        ("", "ohwx man"),
    ],
)
def test_the_subject_is_named_once(text: str, named: str) -> None:
    assert name_subject(text, "ohwx", "man") == named


def test_the_token_takes_the_place_of_any_article() -> None:
    assert name_subject("photo of an actor", "ohwx", "actor") == "photo of ohwx actor"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("photo of ohwx man, smiling", "photo of man, smiling"),
        ("ohwx, smiling", "man, smiling"),
        ("photo of OHWX man", "photo of man"),
        ("smiling, ohwx , a man", "smiling, a man"),
        ("a portrait", "man, a portrait"),
        ("a man", "a man"),
    ],
)
def test_class_images_are_of_the_class(text: str, left: str) -> None:
    assert leave_subject_out(text, "ohwx", "man") == left


def test_other_words_may_stand_for_the_caption() -> None:
    caption = Caption("[filewords], film", "a man, hat", "ohwx", "man")
    assert (caption.text(), caption.text("hat, a man")) == ("ohwx man, hat, film", "hat, ohwx man, film")
    assert Caption("[filewords]", "a man").text() == "a man"


def test_photos_have_their_captions_in_every_mode(tmp_path: Path) -> None:
    def texts(**changes: object) -> list[str]:
        concept = captioned(tmp_path, "a man, hat", "\ufeffa man\n at sea \n", **changes)
        return [caption.text() for caption in instance_captions(concept, list_photos(concept.instance_images))]

    assert texts() == ["ohwx man, hat", "ohwx man at sea"]
    assert texts(instance_prompt="ohwx man, [filewords]") == ["ohwx man, a man, hat", "ohwx man, a man at sea"]
    assert texts(captions="fine_tuning") == ["a man, hat", "a man at sea"]
    assert texts(instance_prompt="photo of ohwx man") == ["photo of ohwx man"] * 2


def test_class_images_are_drawn_from_the_captions_and_keep_theirs(tmp_path: Path) -> None:
    concept = captioned(tmp_path, "ohwx man, hat", "a man at sea")
    pool = pool_of(concept, tmp_path / "pools")
    assert [request.prompt for request in pool.missing(3)] == ["man, hat", "a man at sea", "man, hat"]
    for path, words in zip(pool.paths(2), class_prompts(concept), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".txt").write_text(words)
    assert [caption.text() for caption in class_captions(concept, pool.paths(2))] == ["man, hat", "a man at sea"]
    (tmp_path / "1.txt").write_text("a man at home")
    assert pool_of(concept, tmp_path / "pools").folder != pool.folder


def test_brackets_of_a_caption_are_no_weights_when_its_class_image_is_drawn(tmp_path: Path) -> None:
    concept = captioned(tmp_path, "ohwx man (the series)", "a man at sea", class_prompt="[filewords], (film:1.2)")
    pool = pool_of(concept, tmp_path / "pools")
    first, second, third = pool.missing(3)
    drawn = [r"man \(the series\), (film:1.2)", "a man at sea, (film:1.2)", r"man \(the series\), (film:1.2)"]
    assert [request.prompt for request in (first, second, third)] == drawn
    for request in (third, second):
        pool.store(request, np.zeros((32, 32, 3), dtype=np.uint8))
    kept = [caption.text() for caption in class_captions(concept, pool.paths(3)[1:])]
    assert kept == ["a man at sea, (film:1.2)", "man (the series), (film:1.2)"]


def test_pools_of_captions_without_brackets_are_found_again(tmp_path: Path) -> None:
    folders = [pool_of(captioned(tmp_path, "a man (the series)"), tmp_path, how).folder for how in (escape, str)]
    assert folders[0] != folders[1]
    folders = [pool_of(captioned(tmp_path, "a man, the series"), tmp_path, how).folder for how in (escape, str)]
    assert folders[0] == folders[1]


def test_without_filewords_no_caption_is_read(tmp_path: Path) -> None:
    (tmp_path / "0.png").touch()
    concept = captioned(tmp_path, **PLAIN)
    assert class_prompts(concept) == ("photo of man",)
    assert [c.text() for c in class_captions(concept, [tmp_path / "own.png"])] == ["photo of man"]
    assert as_drawn(concept, escape) == concept


def test_brackets_of_a_caption_are_no_weights_when_it_is_drawn(tmp_path: Path) -> None:
    concept = captioned(tmp_path, "a man (the series)", sample_prompt="[filewords], (film:1.2)")
    assert as_drawn(concept, escape).instance_prompt == r"ohwx man \(the series\), (film:1.2)"


def test_what_is_drawn_has_no_filewords_left(tmp_path: Path) -> None:
    sanity = ["[filewords], ink", "[filewords], oil", "[filewords], neon", "photo of ohwx man, neon"]
    concept = captioned(tmp_path, "a man, hat", "a man at sea", sanity_prompts=sanity)
    drawn = as_drawn(concept, escape)
    assert drawn.instance_prompt == "photo of ohwx man"
    assert drawn.class_prompt == "photo of man"
    filled = ("ohwx man, hat, ink", "ohwx man at sea, oil", "ohwx man, hat, neon")
    assert drawn.sanity_prompts == (*filled, "photo of ohwx man, neon")
    as_it_is = captioned(tmp_path, "a man, hat", captions="fine_tuning", sanity_prompts=["[filewords], ink"])
    assert as_drawn(as_it_is, escape).sanity_prompts == ("a man, hat, ink",)
    sampled = captioned(tmp_path, "a man, hat", sample_prompt="[filewords], studio")
    assert as_drawn(sampled, escape).instance_prompt == "ohwx man, hat, studio"
    plain = captioned(tmp_path, "a man", instance_prompt="ohwx man", sample_prompt="ohwx man at sea")
    assert as_drawn(plain, escape).instance_prompt == "ohwx man at sea"


@pytest.mark.parametrize(
    ("prompt", "drawn"),
    [
        ("[filewords], ohwx style", "ohwx style"),
        ("drawing of [filewords] in ohwx style", "drawing in ohwx style"),
        ("picture in ohwx style, [filewords], paper", "picture in ohwx style, paper"),
        ("[filewords]", "photo of ohwx style"),
        ("[filewords], paper", "photo of ohwx style"),
    ],
)
def test_a_prompt_that_names_its_subject_beside_the_captions_is_drawn_without_them(
    tmp_path: Path, prompt: str, drawn: str
) -> None:
    given = {"class_token": "style", "sanity_prompts": ["a lighthouse in ohwx style"]}
    style = captioned(tmp_path, "a house", instance_prompt=prompt, class_prompt=prompt.replace("ohwx ", ""), **given)
    assert as_drawn(style, escape).instance_prompt == drawn
    assert as_drawn(style, escape).class_prompt == drawn.replace("ohwx ", "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"0\.png has no caption: describe it in 0\.txt beside it, or take \[filewords\] out"),
        (b" \n", r"0\.txt is empty"),
        (b"\xff\xfe\x00", r"0\.txt is not UTF-8 text: save it as UTF-8"),
        ("a man".encode("utf-16-le"), r"0\.txt is not UTF-8 text: save it as UTF-8"),
    ],
)
def test_a_caption_that_cannot_be_read_is_an_error(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "0.txt").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_caption(tmp_path / "0.png")


def test_a_caption_that_is_no_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "0.txt").mkdir()
    with pytest.raises(InputError, match=r"caption .*0\.txt cannot be read \(Is a directory\)"):
        read_caption(tmp_path / "0.png")


def test_a_line_without_a_caption_in_the_folders_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "0.png", "text": " "}')
    with pytest.raises(InputError, match=r"caption of 0\.png in .*metadata\.jsonl is empty: describe the image in it"):
        read_caption(tmp_path / "0.png")


def test_a_fault_of_the_folders_file_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_text("0.png: a man")
    with pytest.raises(InputError) as caught:
        read_captions([tmp_path / f"{index}.png" for index in range(5)])
    assert str(caught.value).count("line 1 of") == 1


def test_all_faults_of_captions_are_told_at_once(tmp_path: Path) -> None:
    concept = captioned(tmp_path, "a man", "", "a man", "", "", "")
    (tmp_path / "2.txt").unlink()
    told = r"1\.txt is empty: .*; .*2\.png has no caption: .*; caption .*3\.txt is empty: .*; and 2 more captions like"
    for reads in (
        class_prompts,
        lambda concept: instance_captions(concept, list_photos(tmp_path)),
        lambda concept: class_captions(concept, list_photos(tmp_path)),
    ):
        with pytest.raises(InputError, match=told):
            reads(concept)
    for name in ("4.txt", "5.txt"):
        (tmp_path / name).write_text("a man")
    with pytest.raises(InputError, match=r"3\.txt is empty: [^;]*$"):
        class_prompts(concept)
