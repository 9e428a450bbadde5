"""Ideas are distinct, as many as are asked for, and the same whatever else is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from dbsweep.errors import InputError, ResourceError
from dbsweep.prompting.ideas import find_ideas
from dbsweep.prompting.language_model import Said
from dbsweep.prompting.settings import IdeaSettings


class Talker:
    """Says one text after another, whatever the chances; what it was asked is kept."""

    def __init__(self, texts: Sequence[str], memory: int = 100) -> None:
        self._texts = list(texts)
        self._memory = memory
        self.asked: list[tuple[str, int, int]] = []

    def say(self, prompt: str, chances: Sequence[np.random.Generator], most: int, _: IdeaSettings) -> list[Said]:
        if len(chances) > self._memory:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        self.asked.append((prompt, len(chances), most))
        said, self._texts = self._texts[: len(chances)], self._texts[len(chances) :]
        return [Said(text, is_whole=True) for text in said]


def find(talker: Talker, prompt: str = "photo of man", **settings: Any) -> tuple[tuple[str, ...], list[int]]:
    """The ideas, and how many were told of as found."""
    told: list[int] = []
    model: Any = talker
    return find_ideas(model, prompt, IdeaSettings(**settings), told.append), told


def test_what_is_said_twice_or_not_at_all_is_made_up_for() -> None:
    talker = Talker([" at sea", " At Sea,", "", " ,", ", neon", " in a hat", " on a horse"])
    found, told = find(talker, count=3)
    assert found == ("photo of man at sea", "photo of man, neon", "photo of man in a hat")
    assert told == [1, 1, 1, 1, 2, 3]


def test_a_model_that_repeats_itself_is_not_asked_for_ever() -> None:
    talker = Talker([" at sea"] * 100)
    assert find(talker, count=3)[0] == ("photo of man at sea",)
    assert sum(attempts for _, attempts, _ in talker.asked) == 15


def test_a_model_that_has_said_nothing_new_for_long_is_not_asked_on() -> None:
    """Of 500 attempts; 21 are the first and twenty in vain, in batches of ten."""
    talker = Talker([" at sea"] * 500)
    assert find(talker, count=100)[0] == ("photo of man at sea",)
    assert sum(attempts for _, attempts, _ in talker.asked) == 30
    assert (
        len(find(Talker([f" at sea {i // 20}" for i in range(500)]), count=25)[0]) == 7
    )  # of 125, of which 19 in a row are in vain


def test_ideas_begin_in_any_script_but_none_with_a_longer_word() -> None:
    talker = Talker(["在花园里", "नीला", "s at sea", "\u0301 at sea", " नीला", "ในสวน", "かわいい", " в саду"])
    assert find(talker, count=5)[0] == tuple(
        f"photo of man{said}" for said in ("在花园里", " नीला", "ในสวน", "かわいい", " в саду")
    )


def test_the_model_reads_words_and_ideas_keep_the_grammar() -> None:
    talker = Talker([", ink"])
    assert find(talker, r"(photo:1.2) of [a \(man\)]", count=1)[0] == (r"(photo:1.2) of [a \(man\)], ink",)
    assert talker.asked == [("photo of a (man)", 1, 75 - 6)]


def test_ideas_fit_in_clips_tokens_unless_more_are_asked_for() -> None:
    long = " with" + " a red hat and" * 40
    (cut,), _ = find(Talker([long]), count=1)
    assert len(cut.split()) == 75
    (longer,), _ = find(Talker([long]), count=1, max_tokens=100)
    assert len(longer.split()) == 100


def test_a_prompt_that_leaves_no_room_is_told() -> None:
    with pytest.raises(InputError, match=r"has 3 tokens, so --max-tokens 3 leaves no room behind it: give more, or a"):
        find(Talker([]), max_tokens=3)


def test_where_memory_is_short_fewer_are_asked_for_at_once() -> None:
    talker = Talker([f" at sea {i}" for i in range(9)], memory=2)
    found, _ = find(talker, count=4)
    assert found == tuple(f"photo of man at sea {i}" for i in range(4))
    with pytest.raises(ResourceError, match="out of memory for one idea; what helps: a smaller model"):
        find(Talker([], memory=0))
