"""Packages that others load wherever they are installed, left out of a process that has no use for them."""

from __future__ import annotations

import sys


def leave_out(package: str) -> None:
    """From here on it looks as if it were not installed; no-op where it is loaded already."""
    sys.modules.setdefault(package, None)  # type: ignore[arg-type]


def let_in(package: str) -> None:
    """It can be imported again, by those who need it; those who looked before go on without."""
    if package in sys.modules and sys.modules[package] is None:
        del sys.modules[package]
