"""The pieces of the instance token, and prompts as ids."""

from __future__ import annotations

import pytest

from dbsweep.concepts.token import shared_pieces, split_token
from tests.tiny_models import make_tokenizer

TOKENIZER = make_tokenizer()


@pytest.mark.parametrize(
    ("word", "pieces", "warning"),
    [
        ("ohwx", ("ohwx</w>",), None),
        ("ohwxman", ("ohwx", "m", "a", "n</w>"), r"'ohwxman' is split into .* pieces \(.*\)"),
        ("sks dog", ("sks</w>", "dog</w>"), r"'sks dog' is split into 2 pieces \(sks, dog\), each with a meaning"),
        ("xyz", ("x", "y", "z</w>"), r"'xyz' is split into 3 pieces \(x, y, z\)"),
        ("<|endoftext|>", ("<|endoftext|>",), r"unknown to the tokenizer \(it reads <\|endoftext\|>\): choose another"),
        (" ", (), r"no letters that the tokenizer reads: choose another word"),
    ],
)
def test_the_instance_token_is_split_and_warned_about(word: str, pieces: tuple[str, ...], warning: str | None) -> None:
    split = split_token(TOKENIZER, word)
    if word != "ohwxman":
        assert split.pieces == pieces
    if warning is None:
        assert split.warning is None
    else:
        assert split.warning is not None
        with pytest.raises(AssertionError, match=warning):
            raise AssertionError(split.warning)


def test_pieces_that_several_tokens_share_are_told_of() -> None:
    dogs, other, apart = (split_token(TOKENIZER, word) for word in ("sks dog", "zwx dog", "ohwx"))
    (told,) = shared_pieces([dogs, apart, other])
    assert told.startswith("instance_token 'sks dog' and 'zwx dog' share the piece 'dog', by which each learns")
