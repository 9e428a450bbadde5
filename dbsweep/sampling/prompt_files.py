"""Prompts in the format of A1111's script "Prompts from file or textbox": one a line, or flags."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from dbsweep.config.messages import closest
from dbsweep.errors import InputError
from dbsweep.sampling.settings import DrawSettings

_Number = TypeVar("_Number", int, float)

_TEXTS = ("prompt", "negative_prompt")
"""Flags whose text goes on to the next flag; it needs no quotes."""

_SETTINGS: Mapping[str, tuple[str, Any]] = MappingProxyType(
    {
        "negative_prompt": ("negative_prompt", str),
        "seed": ("seed", int),
        "cfg_scale": ("guidance_scale", float),
        "steps": ("num_inference_steps", int),
        "sampler_name": ("sampler", str),
        "width": ("width", int),
        "height": ("height", int),
        "tiling": ("tiling", bool),
    }
)
"""A1111's flag → the field of `DrawSettings` and its type."""

_COUNTS = ("batch_size", "n_iter")
"""Flags whose product is the number of images."""

FLAGS = ("prompt", *_SETTINGS, *_COUNTS)
_KINDS = {int: "a whole number", float: "a number"}


@dataclass(frozen=True)
class AskedPrompt:
    """A prompt, and what is said of it alone.

    Attributes:
        place: where it stands, for messages: ``night.txt line 3``.
    """

    prompt: str
    settings: DrawSettings
    place: str


def read_prompts(file: Path) -> tuple[AskedPrompt, ...]:
    """The prompts of a file, in order; blank lines are dropped.

    Raises:
        InputError: it cannot be read or has no prompt; a line has an unknown flag, or a flag without a good value.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: not UTF-8 ({error.reason}); save it as a text file in UTF-8") from error
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); check the path") from error
    if "\0" in text:
        raise InputError(f"{file}: not a text file in UTF-8; save it as one")
    lines = [(f"{file} line {number}", line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    prompts = tuple(_asked(line, place) for place, line in lines if line)
    if not prompts:
        raise InputError(f"{file}: has no prompt; write one a line")
    return prompts


def prompt_line(prompt: str) -> str:
    """The line that `read_prompts` reads as this prompt, of which it says no settings.

    The prompt is one line itself, and not blank. What would be flags is quoted, behind a space: a value that begins
    with ``--`` would be a flag too.
    """
    return f"--prompt {shlex.quote(f' {prompt}')}" if prompt.startswith("--") else prompt


def _asked(line: str, place: str) -> AskedPrompt:
    if not line.startswith("--"):
        return AskedPrompt(line, DrawSettings(), place)
    values = _flags(line, place)
    if not values.get("prompt", "").strip():
        raise InputError(f"{place}: says no --prompt")
    counts = [_count(flag, values[flag], place) for flag in _COUNTS if flag in values]
    settings: dict[str, Any] = {
        field: _typed(kind, flag, values[flag], place) for flag, (field, kind) in _SETTINGS.items() if flag in values
    }
    return AskedPrompt(
        values["prompt"], DrawSettings(**settings, images_per_prompt=math.prod(counts) if counts else None), place
    )


def _flags(line: str, place: str) -> dict[str, str]:
    """Flag → value; of a flag that is there twice the last, as A1111's."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise InputError(
            f"{place}: quotes that do not match ({error}); put a prompt with an apostrophe into double quotes"
        ) from error
    values: dict[str, str] = {}
    while words:
        word = words.pop(0)
        flag = word.removeprefix("--")
        if flag == word:
            raise InputError(
                f"{place}: {word!r} stands where a flag is expected; put a value of several words into quotes"
            )
        if flag not in FLAGS:
            meant = closest(flag, FLAGS)
            hint = f"; did you mean --{meant}?" if meant is not None else f"; known are --{', --'.join(FLAGS)}"
            raise InputError(f"{place}: unknown flag --{flag}{hint}")
        value = _value(words, goes_on=flag in _TEXTS)
        if value is None:
            raise InputError(f"{place}: --{flag} has no value")
        values[flag] = value
    return values


def _value(words: list[str], *, goes_on: bool) -> str | None:
    """Takes the words of a flag's value; None where there are none."""
    taken: list[str] = []
    while words and not words[0].startswith("--") and (goes_on or not taken):
        taken.append(words.pop(0))
    return " ".join(taken) if taken else None


def _count(flag: str, value: str, place: str) -> int:
    count = _number(int, flag, value, place)
    if count < 1:
        raise InputError(f"{place}: --{flag} must be at least 1, got {count}")
    return count


def _typed(kind: Any, flag: str, value: str, place: str) -> object:  # noqa: ANN401  # a type
    if kind is str:
        return value
    return _truth(flag, value, place) if kind is bool else _number(kind, flag, value, place)


def _truth(flag: str, value: str, place: str) -> bool:
    if value not in ("true", "false"):
        raise InputError(f"{place}: --{flag} must be true or false, got {value!r}")
    return value == "true"


def _number(kind: type[_Number], flag: str, value: str, place: str) -> _Number:
    try:
        return kind(value)
    except ValueError as error:
        raise InputError(f"{place}: --{flag} must be {_KINDS[kind]}, got {value!r}") from error
