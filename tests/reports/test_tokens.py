"""What is said of instance tokens."""

from __future__ import annotations

import pytest

from dbsweep.records.results import Scorecard, TokenMeaning
from dbsweep.reports.tokens import token_sentences


def base(token: str, known: bool | None, pieces: tuple[str, ...] = ("",)) -> Scorecard:
    """A base model's card that knows of one token."""
    found = TokenMeaning(
        token=token,
        pieces=pieces,
        prompt=f"photo of {token} man",
        base_prompt="photo of man",
        images=8,
        effect=1.0,
        known=known,
    )
    return Scorecard(checkpoint="base", scores={}, images=(), tokens=(found,))


@pytest.mark.parametrize(
    ("token", "known", "sentence"),
    [
        (
            "zwx",
            False,
            "'zwx' means nothing to the base model yet: it draws 'photo of zwx man' much as it draws 'photo of man'",
        ),
        (
            "neon",
            True,
            "The base model already draws something of its own for 'neon': 'photo of neon man' is not 'photo of man'. "
            "Choose a rarer word, such as 'ohwx', unless this is what you go on teaching",
        ),
        (
            "zwx",
            None,
            "Whether 'zwx' already means something to the base model cannot be told from 8 pictures of 'photo of zwx "
            "man': compare images/base/token-*.png in the run's folder with the others there",
        ),
    ],
)
def test_each_answer_is_a_sentence(token: str, known: bool | None, sentence: str) -> None:
    assert token_sentences(base(token, known)) == (sentence,)


def test_a_word_of_several_pieces_is_shown_with_them() -> None:
    (sentence,) = token_sentences(base("secourses", known=False, pieces=("sec", "our", "ses")))
    assert sentence.startswith("'secourses' (read as sec, our, ses) means nothing to the base model yet")


def test_no_word_is_advised_in_its_own_place() -> None:
    (sentence,) = token_sentences(base("ohwx", known=True))
    assert "such as 'sks'" in sentence


def test_runs_that_did_not_ask_have_nothing_to_say() -> None:
    assert token_sentences(Scorecard(checkpoint="base", scores={}, images=())) == ()
