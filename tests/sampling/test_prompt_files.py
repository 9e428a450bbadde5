"""Files of prompts are read as A1111's script reads them, and what it passes over in silence is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dbsweep.errors import InputError
from dbsweep.sampling.prompt_files import prompt_line, read_prompts
from dbsweep.sampling.settings import DrawSettings


def write(folder: Path, content: str | bytes) -> Path:
    file = folder / "night.txt"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def test_a_line_is_a_prompt_and_blank_lines_are_dropped(tmp_path: Path) -> None:
    asked = read_prompts(write(tmp_path, "\ufeffphoto of ohwx man's hat -- red\r\n\r\n   \n  (neon:1.2) style, 漢  \n"))
    assert [each.prompt for each in asked] == ["photo of ohwx man's hat -- red", "(neon:1.2) style, 漢"]
    assert [each.settings for each in asked] == [DrawSettings()] * 2
    assert [each.place.rpartition("/")[2] for each in asked] == ["night.txt line 1", "night.txt line 4"]


def test_flags_are_a1111s(tmp_path: Path) -> None:
    (asked,) = read_prompts(
        write(
            tmp_path,
            '--prompt photo of ohwx man, ink --negative_prompt "blurry, low" --steps 30 --cfg_scale 9.5 '
            '--sampler_name "Euler a" --seed 7 --width 512 --height 768 --batch_size 4 --n_iter 3',
        )
    )
    assert asked.prompt == "photo of ohwx man, ink"
    assert asked.settings == DrawSettings("blurry, low", 12, 7, 9.5, 30, "Euler a", 512, 768)


@pytest.mark.parametrize(("flags", "tiling"), [("--tiling true", True), ("--tiling false", False), ("", None)])
def test_a_line_may_ask_for_tiling(tmp_path: Path, flags: str, tiling: bool | None) -> None:
    (asked,) = read_prompts(write(tmp_path, f"--prompt a {flags}"))
    assert asked.settings.tiling is tiling


@pytest.mark.parametrize(("flags", "images"), [("--batch_size 4", 4), ("--n_iter 3", 3), ("", None)])
def test_images_are_those_of_all_batches(tmp_path: Path, flags: str, images: int | None) -> None:
    (asked,) = read_prompts(write(tmp_path, f"--prompt a {flags}"))
    assert asked.settings.images_per_prompt == images


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--prompt a --stepz 3", r"night.txt line 2: unknown flag --stepz; did you mean --steps\?"),
        (
            "--prompt a --do_not_save_grid true",
            r"night.txt line 2: unknown flag --do_not_save_grid; known are --prompt, --negative_prompt, ",
        ),
        ("--prompt a --tiling yes", "night.txt line 2: --tiling must be true or false, got 'yes'"),
        ("--prompt a --steps many", "night.txt line 2: --steps must be a whole number, got 'many'"),
        ("--prompt a --cfg_scale x", "night.txt line 2: --cfg_scale must be a number, got 'x'"),
        ("--prompt a --n_iter 0", "night.txt line 2: --n_iter must be at least 1, got 0"),
        ("--prompt a --steps", "night.txt line 2: --steps has no value"),
        ("--prompt a --sampler_name Euler a", "night.txt line 2: 'a' stands where a flag is expected"),
        ("--steps 3", "night.txt line 2: says no --prompt"),
        ('--prompt "" --steps 3', "night.txt line 2: says no --prompt"),
        ("--prompt the man's hat", "night.txt line 2: quotes that do not match"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_prompts(write(tmp_path, f"photo of man\n{line}\n"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no prompt"),
        (" \n\n", "has no prompt"),
        ("photo".encode("utf-16"), "not UTF-8"),
        (b"photo\0of", "not a text file in UTF-8"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=f"night.txt: {message}"):
        read_prompts(write(tmp_path, content))
    with pytest.raises(InputError, match=r"none.txt: cannot be read \(No such file or directory\)"):
        read_prompts(tmp_path / "none.txt")


@given(st.text(min_size=1).map(lambda text: " ".join(text.split())).filter(lambda text: text and "\0" not in text))
@example("--prompt")
@example('--steps 3 of the man\'s "hat"')
@example("-- $HOME")
def test_a_line_that_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, prompt: str) -> None:
    file = tmp_path_factory.getbasetemp() / "written.txt"
    try:
        content = f"{prompt_line('photo of man')}\n{prompt_line(prompt)}\n".encode()
    except UnicodeEncodeError:
        return  # half of a pair of surrogates, which is no text
    file.write_bytes(content)
    first, asked = read_prompts(file)
    assert (first.prompt, asked.prompt.strip()) == ("photo of man", prompt)
    assert asked.settings == DrawSettings()
