"""What a model says becomes a prompt of one line whose given words stand as they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsweep.prompting.wording import as_prompt, fitting, partnered, tidy
from dbsweep.sampling.grammar import Fragment, parse


def words(prompt: str) -> int:
    return len(prompt.split())


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (" wearing  a\that", " wearing a hat"),
        (", digital art ,, , 8k", ", digital art, 8k"),
        (" at sea\na woman, 4k", " at sea"),
        ("\nanother prompt", ""),
        ("", ""),
        (" half of a letter \ufffd\ufffd", " half of a letter "),
        (" a\x00b\u200bc", " a b c"),
        (" (neon:1.2), [dull], ((sharp)", " (neon:1.2), [dull], (sharp)"),
        (":1.2), by (greg", ":1.2, by greg"),
    ],
)
def test_words_are_tidied(said: str, expected: str) -> None:
    assert tidy(said) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(a [b) c]", "(a [b) c]"),  # as the grammar, which lets them cross
        (")a(", "a"),
        ("]][[a]", "[a]"),
        (r"alexa \(amazon\) )", r"alexa \(amazon\) "),
        (r"\\(a", r"\\a"),
    ],
)
def test_brackets_without_a_partner_are_left_out(text: str, expected: str) -> None:
    assert partnered(text) == expected


@given(st.text("a()[]\\ ", max_size=12))
def test_what_follows_has_the_weight_that_it_has_alone(text: str) -> None:
    whole = partnered(text).rstrip("\\") + " "
    last = parse(whole + "end")[-1]
    assert isinstance(last, Fragment)
    assert last.text.endswith("end")
    assert last.weight == 1.0


@pytest.mark.parametrize(
    ("said", "most", "is_whole", "expected"),
    [
        (" in a red hat.", 99, True, "photo of man in a red hat."),
        (", neon style, 8k,", 99, True, "photo of man, neon style, 8k"),
        (" wearing a hat (", 99, True, "photo of man wearing a hat"),
        (", neon style, trending on art", 99, False, "photo of man, neon style"),  # half a phrase is left out
        (" wearing a red ha", 99, False, "photo of man wearing a red"),  # half a word, where there are no phrases
        (", neon style, 8k", 5, True, "photo of man, neon style"),
        (", neon style, trending on artstation", 7, True, "photo of man, neon style"),
        (" by (greg rutkowski, 8k)", 6, True, "photo of man by greg rutkowski"),  # its bracket was closed behind
        (" sharp focus", 3, True, None),
        (", neon", 99, False, None),
        (" , -", 99, True, None),
        ("在花园里，红色的帽子，很", 99, False, "photo of man在花园里，红色的帽子"),
        ("在花园里 红", 99, False, "photo of man在花园里"),
        ("在花园", 99, False, "photo of man在花"),  # each letter may be a word
        ("", 99, True, None),
        ("", 99, False, None),
    ],
)
def test_an_idea_is_cut_between_phrases(said: str, most: int, is_whole: bool, expected: str | None) -> None:
    assert fitting("photo of man", said, most, words, is_whole=is_whole) == expected


@given(st.text("ab ,()", max_size=30), st.integers(3, 9), st.booleans())
def test_an_idea_begins_with_the_prompt_and_fits(said: str, most: int, is_whole: bool) -> None:
    idea = fitting("photo of (man", tidy(said), most, words, is_whole=is_whole)
    if idea is not None:
        assert idea.startswith("photo of (man")
        assert words(idea) <= most
        assert idea == idea.strip(" ,")


def test_a_prompt_of_several_lines_is_one() -> None:
    assert as_prompt(" photo of\n(ohwx  man:1.2),\tBREAK ") == "photo of (ohwx man:1.2), BREAK"
