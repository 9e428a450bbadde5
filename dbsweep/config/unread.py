"""Options that nothing would read: refused, so that nobody waits for what they do."""

from __future__ import annotations

from collections.abc import Mapping

from dbsweep.errors import InputError


def refuse_unread(options: Mapping[str, object], reason: str, fix: str = "leave it out") -> None:
    """InputError for the first option that somebody has given.

    Args:
        options: what was given by their names; None, no list and a flag that is not set stand for nothing.
        reason: ends ``--threshold 0.3: is ...``.
    """
    for option, value in options.items():
        if value is not None and value is not False and value != []:
            shown = "" if value is True else f" {' '.join(map(str, value)) if isinstance(value, list) else value}"
            raise InputError(f"{option}{shown}: is {reason}; {fix}")
