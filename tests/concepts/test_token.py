"""The pieces of the instance token, and prompts as ids."""

from __future__ import annotations

import pytest

from dbsweep.concepts.token import prompt_ids, split_token
from dbsweep.errors import InputError
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


def test_a_prompt_is_padded_as_the_model_expects() -> None:
    ids = prompt_ids(TOKENIZER, "photo of ohwx man")
    assert ids.shape == (77,)
    words = TOKENIZER.convert_tokens_to_ids(["photo</w>", "of</w>", "ohwx</w>", "man</w>"])
    assert ids.tolist() == [555, *words, *[556] * 72]


def test_a_prompt_that_is_too_long_is_an_error() -> None:
    assert prompt_ids(TOKENIZER, "man " * 75).shape == (77,)
    with pytest.raises(InputError, match="has 76 tokens, 75 fit: shorten it"):
        prompt_ids(TOKENIZER, "man " * 76)
