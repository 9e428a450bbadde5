"""Fixtures of this room."""

from __future__ import annotations

import pytest


@pytest.fixture
def any_base_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulated back end needs no weights."""
    monkeypatch.setattr("dbsweep.models.sources.check_source", lambda source: None)
