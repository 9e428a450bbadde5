"""Captions are found beside images and in a file for the whole folder, as other trainers keep them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dbsweep.concepts.caption_files import METADATA, caption_file, metadata_captions, read_file
from dbsweep.errors import InputError

LINE = '{"file_name": "0.png", "text": "a man of the folder"}'


@pytest.mark.parametrize(
    ("there", "counts", "text"),
    [
        ({".txt": "a man", ".caption": "a hat"}, "0.txt", "a man"),
        ({".caption": "a hat"}, "0.caption", "a hat"),
        ({".caption": "\ufeffa hat\r\n"}, "0.caption", "a hat\n"),
        ({".caption": "a hat", METADATA: LINE}, "0.caption", "a hat"),
        ({METADATA: LINE}, METADATA, "a man of the folder"),
    ],
)
def test_the_caption_is_the_first_that_is_there(tmp_path: Path, there: dict[str, str], counts: str, text: str) -> None:
    for name, words in there.items():
        (tmp_path / (f"0{name}" if name.startswith(".") else name)).write_bytes(words.encode())
    assert caption_file(tmp_path / "0.png") == tmp_path / counts
    assert read_file(tmp_path / "0.png") == text


@pytest.mark.parametrize(
    ("other", "fix"),
    [
        (None, r"describe it in 0\.txt beside it"),
        ("0.TXT", r"rename 0\.TXT to 0\.txt"),
        (METADATA, r"add a line for it to metadata\.jsonl"),
    ],
)
def test_what_to_do_for_a_caption_that_is_missing(tmp_path: Path, other: str | None, fix: str) -> None:
    if other is not None:
        (tmp_path / other).write_text(LINE.replace("0.png", "1.png"))
    with pytest.raises(InputError, match=rf"0\.png has no caption: {fix}, or take \[filewords\] out of the prompt"):
        read_file(tmp_path / "0.png")


def test_a_file_for_the_folder_is_read_as_diffusers_scripts_write_it(tmp_path: Path) -> None:
    lines = [
        '{"file_name": "./0.png", "text": "a man", "prompt": "a hat"}',
        "",
        '{"prompt": "m\u2028", "file_name": "1"}',
    ]
    (tmp_path / METADATA).write_bytes(("\ufeff" + "\r\n".join(lines)).encode())
    assert metadata_captions(tmp_path) == {tmp_path / "0.png": "a man", tmp_path / "1": "m\u2028"}
    assert metadata_captions(tmp_path / "nowhere") == {}


def test_a_file_for_the_folder_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    for words in ("a man", "a hat"):
        (tmp_path / METADATA).write_text(LINE.replace("a man of the folder", words))
        os.utime(tmp_path / METADATA, (0, 0))
        assert read_file(tmp_path / "0.png") == words


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("0.png: a man", r"line 2 of .*metadata\.jsonl cannot be read as JSON \(Extra data\): write one object a line"),
        ("[1]", r'line 2 of .* has no text under "file_name": write \{"file_name": "01\.png", "text": "a caption"\}'),
        ('{"file_name": "1.png"}', r'line 2 of .* has no text under "text" or "prompt": write'),
        ('{"file_name": "1.png", "text": ["a man"]}', r'line 2 of .* has no text under "text" or "prompt": write'),
        (LINE, r"line 2 of .* is the second for 0\.png: keep one"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, line: str, fault: str) -> None:
    (tmp_path / METADATA).write_text(f"{LINE}\n{line}\n")
    with pytest.raises(InputError, match=fault):
        read_file(tmp_path / "0.png")
