"""Options that nothing would read are refused by name, with their value and the fix."""

from __future__ import annotations

import re

import pytest

from dbsweep.config.unread import refuse_unread
from dbsweep.errors import InputError


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, " 0.0"), ("", " "), (96, " 96"), (True, ""), (["a=1", "b=2"], " a=1 b=2")],
)
def test_what_somebody_has_given_is_refused(value: object, shown: str) -> None:
    message = f"--tile{shown}: is for --upscaler; add that"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        refuse_unread({"--scale": None, "--tile": value, "--overlap": 3}, "for --upscaler", "add that")


def test_what_nobody_has_given_is_not() -> None:
    refuse_unread({"--tile": None, "--flip": False, "--box": []}, "for --upscaler")
    with pytest.raises(InputError, match=r"^--flip: is for pictures; leave it out$"):
        refuse_unread({"--flip": True}, "for pictures")
