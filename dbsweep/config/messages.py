"""Wording: what is wrong with a value, the value received, and what is allowed, in one line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from dbsweep.records.record import Scalar

# By pydantic's error types; the placeholders are the error's context.
_MUST = {
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "multiple_of": "must be a multiple of {multiple_of:g}",
    "finite_number": "must be a finite number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of reasonable size",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text (numbers, dates and yes/no need quotes to be text)",
    "string_too_short": "must not be empty",
    "path_type": "must be a path",
    "tuple_type": "must be a list",
    "model_type": "must be a section of `key: value` lines",
    "dict_type": "must be a section of `key: value` lines",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
}
_SHOWN_LENGTH = 60


def shown(value: object) -> str:
    """A value as the person wrote it, shortened: YAML's words for true, false and nothing, else Python's repr."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + "…"


def counted(count: int, noun: str) -> str:
    """``1 trial``, ``3 branches``, ``1,840 optimizer steps``."""
    plural = "es" if noun.endswith("nch") else "s"
    return f"{count:,} {noun}{'' if count == 1 else plural}"


def first_of(names: Sequence[str], most: int = 3) -> str:
    """``a.png, b.png``, and of more than `most` ``a.png, b.png, c.png, …``."""
    return ", ".join([*names[:most], *(["…"] if len(names) > most else [])])


def setting(value: Scalar) -> str:
    """A setting's value, short: `0.7`, `2e-6`, and small rates alike in one notation (`2e-4`, not `0.0002`)."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return str(value)
    if 0.0 < abs(value) < 1e-3:
        mantissa, exponent = f"{value:.3e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    return f"{value:.4g}"


def nearest(word: object, allowed: Iterable[str], most: int, cutoff: float = 0.6) -> list[str]:
    """The allowed words that are most like a word, the likest first; with cutoff 0 however unlike they are."""
    by_lower = {name.lower(): name for name in allowed}
    return [by_lower[name] for name in difflib.get_close_matches(str(word).lower(), by_lower, n=most, cutoff=cutoff)]


def closest(word: object, allowed: Iterable[str]) -> str | None:
    """The allowed word that was probably meant, if any."""
    return next(iter(nearest(word, allowed, most=1)), None)


def did_you_mean(word: object, allowed: Iterable[str], most: int = 1) -> str:
    """``did you mean `seed`?``, or the list of what is allowed when nothing is close.

    Args:
        most: how many words are offered; names of a series are all much alike.
    """
    names = list(allowed)
    if not (meant := nearest(word, names, most)):
        return f"allowed: {', '.join(names)}"
    *others, last = (f"`{name}`" for name in meant)
    return f"did you mean {', '.join(others)} or {last}?" if others else f"did you mean {last}?"


def describe(error: ErrorDetails) -> str:
    """One pydantic error as a line: what is wrong, the value received, what is allowed."""
    context: dict[str, Any] = error.get("ctx", {})
    kind, value = error["type"], error["input"]
    if kind == "value_error":
        return str(context["error"])
    if kind == "too_short":
        return f"needs at least {context['min_length']}, got {len(value) or 'none'}"
    if kind not in _MUST:
        return error["msg"]
    line = f"{_MUST[kind].format(**context)}, got {shown(value)}"
    if kind == "string_type" and isinstance(value, (dict, list)):  # photo of a man: neon style; [filewords]
        return f"must be text, got {shown(value)}; text with a colon or in brackets needs quotes"
    meant = closest(value, re.findall(r"'([^']*)'", str(context.get("expected", ""))))
    return f"{line}; did you mean `{meant}`?" if meant is not None else line
