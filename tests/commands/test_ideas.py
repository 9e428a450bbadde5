"""`dbsweep ideas`: what its options ask for, and what it says when ideas are found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dbsweep.prompting.settings import IdeaSettings
from dbsweep.sweep.ideas import Asked


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None, Asked]]:
    """What is asked of the sweep's room, which has one idea."""
    asked: list[tuple[str, str | None, Asked]] = []

    def find(model: str, tokenizer: str | None, what: Asked, **_: Any) -> list[str]:
        asked.append((model, tokenizer, what))
        return ["photo of a man, neon"]

    monkeypatch.setattr("dbsweep.sweep.ideas.find_all_ideas", find)
    return asked


def test_what_is_not_said_is_what_the_room_has(dbsweep, calls) -> None:
    assert dbsweep("ideas", "photo of a man", "--model", "gpt2") == (0, "photo of a man, neon\n", "1 idea\n")
    assert calls == [("gpt2", None, Asked(["photo of a man"], (), IdeaSettings(), None))]


def test_every_option_reaches_its_setting_and_the_file_is_named(dbsweep, calls) -> None:
    settings = ("--count", 2, "--max-tokens", 150, "--temperature", 0.5, "--top-k", 0, "--top-p", 0.75)
    more = ("--repetition-penalty", 1, "--seed", 7, "--tokenizer", "other", "--prompts", "a.txt", "--out", "ideas.txt")
    code, _, err = dbsweep("ideas", "--model", "gpt2", *settings, *more)
    assert (code, err) == (0, "1 idea in ideas.txt\n")
    asked = Asked((), [Path("a.txt")], IdeaSettings(2, 150, 0.5, 0, 0.75, 1.0, 7), Path("ideas.txt"))
    assert calls == [("gpt2", "other", asked)]


def test_a_model_is_asked_for(dbsweep, calls) -> None:
    code, out, err = dbsweep("ideas", "photo")
    assert (code, out, calls) == (2, "", [])
    assert "--model" in err
