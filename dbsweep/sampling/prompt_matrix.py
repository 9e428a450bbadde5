"""A1111's "Prompt matrix": all combinations of a prompt's parts."""

from __future__ import annotations

from dbsweep.errors import InputError

_MOST_PARTS = 16
"""Besides the first; a slip in a long prompt must not fill the disk."""


def matrix_prompts(prompt: str) -> tuple[str, ...]:
    """The part before the first ``|``, followed by every combination of the others: ``a|b|c`` → a; a, b; a, c; a, b, c.

    As A1111's ``prompt_matrix.py`` orders and joins them: combination i takes part n of the others where bit n of i is
    set, and a comma goes between.

    Raises:
        InputError: there are more than 17 parts.
    """
    first, *others = [part.strip() for part in prompt.split("|")]
    others = [part.strip(",") for part in others]
    if len(others) > _MOST_PARTS:
        raise InputError(f"a matrix of {len(others) + 1} parts would be 2^{len(others)} prompts: take fewer `|`")
    chosen = [[part for n, part in enumerate(others) if i >> n & 1] for i in range(2 ** len(others))]
    return tuple(", ".join([first, *parts]) for parts in chosen)
