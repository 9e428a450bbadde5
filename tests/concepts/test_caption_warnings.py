"""What is said of captions before a run: of those that teach something else than it seems, and of those not read."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.concepts.caption_warnings import caption_warnings, folder_warnings, lost_token
from dbsweep.config.train import Train
from dbsweep.errors import InputError
from tests.concepts.plain import captioned

PLAIN = {"instance_prompt": "photo of ohwx man", "class_prompt": "photo of man"}


def own_class_images(folder: Path, suffix: str = ".txt", **captions: str) -> Path:
    folder.mkdir()
    for name, words in captions.items():
        (folder / f"{name}.png").touch()
        (folder / f"{name}{suffix}").write_text(words, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("changes", "captions", "expected"),
    [
        ({}, ["a man", "man at sea"], []),
        ({}, ["a face", "a hat", "a", "b", "a man"], ["4 captions (0.txt, 1.txt, 2.txt, …) without the class word"]),
        ({}, ["ohwx man", "a man"], []),  # trained alike
        ({}, ["a face", "a hat", "a", "a man"], ["3 captions (0.txt, 1.txt, 2.txt) without the class word"]),
        (
            {},
            ["ohwx, 1boy", "1boy, hat", "ohwx, 1boy, sea"],
            [
                "1 caption (1.txt) without the class word 'man': 'ohwx man' is put in front; better write man there,"
                " or make class_token the word that stands for it",
                "2 captions (0.txt, 2.txt) without the class word 'man' are trained as they are; better write man",
            ],
        ),
        (
            {"captions": "fine_tuning"},
            ["ohwx, 1boy", "ohwx man"],
            ["1 caption (0.txt) without the class word 'man' is trained as it is; better write man there, or make"],
        ),
        ({"class_token": "1boy"}, ["ohwx, 1boy", "1boy, hat"], []),
        ({"captions": "fine_tuning"}, ["ohwx man", "a man"], []),
        (
            {"captions": "fine_tuning"},
            ["a man"],
            ["no caption has the token 'ohwx', and fine_tuning adds none: prompts with it mean nothing; write it into"],
        ),
        (
            PLAIN,
            ["a man", "a man"],
            ["2 captions (0.txt, 1.txt) are not read: put [filewords] into instance_prompt if they should be"],
        ),
        (PLAIN, ["a man"], ["1 caption (0.txt) is not read: put [filewords] into instance_prompt if it should be"]),
        ({**PLAIN, "sanity_prompts": ["[filewords], ink"]}, ["a man"], []),
        ({"instance_prompt": "[filewords], ohwx man"}, ["at sea", "a man"], []),
        ({"instance_prompt": "[filewords], ohwx man", "captions": "fine_tuning"}, ["at sea"], []),
        (
            {"instance_prompt": "[filewords], ohwx man"},
            ["ohwx man at sea", "a man"],
            ["1 caption (0.txt) with the token 'ohwx', which instance_prompt names too: leave it out there"],
        ),
        (
            {},
            ["a man\n a man at sea\n", "a man\r\n"],
            ["1 caption (0.txt) of several lines, which are joined: if each is a caption by itself, keep one"],
        ),
        (
            {},
            ["a man", "a man (the series), {red|blue} hat", "a (man:1.4)"],
            ["2 captions (1.txt, 2.txt) with notation such as '{red|blue}', which is trained as it stands"],
        ),
        ({}, ["a man <lora:x:1>"], ["1 caption (0.txt) with notation such as '<lora:x:1>'"]),
    ],
    ids=str,
)
def test_warnings(tmp_path: Path, changes: dict[str, object], captions: list[str], expected: list[str]) -> None:
    warnings = caption_warnings(captioned(tmp_path, *captions, **changes))
    assert len(warnings) == len(expected)
    assert all(warning.startswith(start) for warning, start in zip(warnings, expected, strict=True))


def test_captions_of_own_class_images_are_looked_at_where_they_are_read(tmp_path: Path) -> None:
    own = own_class_images(tmp_path / "reg", a="ohwx man", b="a man", c="portrait", d="", e="a (man:1.2)")
    given = {"instance_prompt": "photo of ohwx man, [filewords]", "class_images": {"folder": own}}
    token, noun, text = caption_warnings(captioned(tmp_path, "a man", **given))
    assert token.startswith("class images: 1 caption (a.txt) with the token 'ohwx'")
    assert noun.startswith("class images: 1 caption (c.txt) without the class word 'man'")
    assert text.startswith("class images: 1 caption (e.txt) with notation such as '(man:1.2)'")


@pytest.mark.parametrize("suffix", [".txt", ".caption"])
def test_captions_of_own_class_images_that_nothing_reads_are_told_of(tmp_path: Path, suffix: str) -> None:
    own = own_class_images(tmp_path / "reg", suffix, a="a man")
    given = {"class_prompt": "photo of man", "class_images": {"folder": own}}
    told = f"class images: 1 caption (a{suffix}) is not read: put [filewords] into class_prompt if it should be"
    assert caption_warnings(captioned(tmp_path, "a man", **given)) == (told,)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("0.caption", "1 caption (0.caption) is not read: put [filewords] into instance_prompt if it should be"),
        (
            "metadata.jsonl",
            "metadata.jsonl is not read: put [filewords] into instance_prompt if its captions should be",
        ),
    ],
)
def test_captions_of_other_trainers_that_nothing_reads_are_told_of(tmp_path: Path, file: str, told: str) -> None:
    for name in ("0.png", file):
        (tmp_path / name).touch()
    assert caption_warnings(captioned(tmp_path, **PLAIN)) == (told,)


def test_captions_that_others_say_differently_are_told_of(tmp_path: Path) -> None:
    concept = captioned(tmp_path, "a man", "a man at sea", "man, hat")
    for name, words in {"0.caption": "a man\n", "1.caption": "a man, smiling", "2.caption": "a man"}.items():
        (tmp_path / name).write_text(words)
    told = "2 captions (1.caption, 2.caption) are not read, because 1.txt is and says something else: keep what you"
    assert caption_warnings(concept) == (f"{told} mean",)


def test_captions_of_the_folders_file_are_looked_at_as_others_are(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_text(
        '{"file_name": "0.png", "text": "a face"}\n{"file_name": "gone.png", "text": "a man"}\n'
        '{"file_name": "1.png", "text": "a man at sea"}\n'
    )
    for name in ("0.png", "1.png"):
        (tmp_path / name).touch()
    (tmp_path / "1.txt").write_text("a man")
    lacking, other, gone = caption_warnings(captioned(tmp_path))
    assert lacking.startswith("1 caption (0.png) without the class word")
    assert other.startswith("1 caption (1.png in metadata.jsonl) is not read, because 1.txt is and says something")
    assert gone == "1 caption (gone.png) in metadata.jsonl is of no picture in its folder, and passed over"


@pytest.mark.parametrize(
    ("captions", "keep_tags", "told"),
    [
        (["ohwx, hat", "ohwx man, sea", "a hat"], 0, "2 captions (0.txt, 1.txt): set train.keep_tags: 1"),
        (["ohwx, hat", "hat, ohwx man"], 1, "1 caption (1.txt): let it stand first, and set train.keep_tags: 1"),
        (["ohwx, hat", "hat, ohwx man"], 2, None),
    ],
)
def test_a_token_that_is_left_out_as_any_other_tag_is_told_of(
    tmp_path: Path, captions: list[str], keep_tags: int, told: str | None
) -> None:
    trains = [Train(keep_tags=0), Train(tag_dropout=0.1, keep_tags=keep_tags), Train(tag_dropout=0.2, keep_tags=2)]
    concept = captioned(tmp_path, *captions, captions="fine_tuning")
    assert lost_token(concept, trains) == (told and f"train.tag_dropout may leave the token 'ohwx' out of {told}")
    assert lost_token(concept, trains[:1]) is None
    for given in ({"captions": "hybrid"}, {"instance_prompt": "ohwx man, [filewords]"}):
        assert lost_token(concept.model_copy(update=given), trains) is None


def test_photos_that_are_held_out_need_their_captions_too(tmp_path: Path) -> None:
    given = captioned(tmp_path, "a man", "a hat", validation_photos=1)
    assert caption_warnings(given)[0].startswith("1 caption (1.txt) without the class word")
    (tmp_path / "1.txt").unlink()
    with pytest.raises(InputError, match=r"1\.png has no caption"):
        caption_warnings(given)


@pytest.mark.parametrize(
    "prompts",
    [{"class_prompt": "[filewords]"}, {"sanity_prompts": ["[filewords], ink"]}, {"sample_prompt": "[filewords]"}],
    ids=str,
)
def test_captions_are_missed_whichever_prompt_asks_for_them(tmp_path: Path, prompts: dict[str, object]) -> None:
    """And not only once a worker draws."""
    (tmp_path / "0.png").touch()
    with pytest.raises(InputError, match=r"0\.png has no caption: describe it in 0\.txt"):
        caption_warnings(captioned(tmp_path, **{**PLAIN, **prompts}))


def test_a_folder_is_warned_of_as_its_experiment_will_be(tmp_path) -> None:
    """But for the token, which nobody knows yet."""
    concept = captioned(tmp_path, "a face", "a man", "a {man|woman}", "a\nb")
    folder = sorted(concept.instance_images.glob("*.png"))
    expected = [sentence.replace("'ohwx man'", "the token with 'man'") for sentence in caption_warnings(concept)]
    assert len(expected) == 3
    assert list(folder_warnings(folder, "man")) == expected
    assert list(folder_warnings(folder, None)) == expected[1:]
