"""Tokens are counted as Stable Diffusion's own tokenizer cuts words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from dbsweep.errors import InputError
from dbsweep.prompting.clip_tokens import _tokenizer, count_tokens, room_behind
from dbsweep.prompting.settings import CLIP_TOKENS
from dbsweep.sampling.conditioning import CHUNK_TOKENS, make_chunks


def test_the_words_are_clips() -> None:
    """Ids that OpenAI's tokenizer gives, as the documentation of transformers shows them."""
    assert len(_tokenizer()) == 49_408
    assert _tokenizer()("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]


@pytest.mark.parametrize(
    ("prompt", "tokens"),
    [
        ("a photo of a cat", 5),
        ("a photo of a (cat:1.5)", 5),
        ("((a photo)) of [a] cat", 5),
        (r"a \(cat\)", 4),
        ("a photo BREAK a cat", 4),
        ("", 0),
    ],
)
def test_brackets_and_weights_are_no_tokens(prompt: str, tokens: int) -> None:
    assert count_tokens(prompt) == tokens


def test_what_fits_is_drawn_as_one_chunk() -> None:
    models: Any = SimpleNamespace(tokenizer=_tokenizer())
    assert CLIP_TOKENS == CHUNK_TOKENS
    for count in (74, 75, 76):
        prompt = "photo of (man:1.2)" + " hat" * (count - 3)
        assert count_tokens(prompt) == count
        assert len(make_chunks(prompt, models)) == (1 if count <= CLIP_TOKENS else 2)


def test_what_may_follow_a_prompt_is_what_it_leaves() -> None:
    assert room_behind("a (photo:1.3)", 3) == 1
    with pytest.raises(
        InputError, match=r"^'a photo of' has 3 tokens, so --max-tokens 3 leaves no room behind it: giv"
    ):
        room_behind("a photo of", 3)
