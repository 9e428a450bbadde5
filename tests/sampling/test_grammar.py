"""The prompt grammar reads what A1111 reads."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsweep.errors import DbsweepError
from dbsweep.sampling.grammar import Break, Fragment, escape, parse, plain_text, weight_words


def weights(prompt: str) -> list[tuple[str, float] | None]:
    """Texts and weights; None for a break."""
    return [(p.text, round(p.weight, 6)) if isinstance(p, Fragment) else None for p in parse(prompt)]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        # The examples in the docstring of A1111's parse_prompt_attention.
        ("normal text", [("normal text", 1.0)]),
        ("an (important) word", [("an ", 1.0), ("important", 1.1), (" word", 1.0)]),
        ("(unbalanced", [("unbalanced", 1.1)]),
        (r"\(literal\]", [("(literal]", 1.0)]),
        ("(unnecessary)(parens)", [("unnecessaryparens", 1.1)]),
        (
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
            # The first bracket is never closed: everything after it is 1.1 times heavier. 1.3·1.1·1.1 = 1.573,
            # 1.1/1.1 = 1, 0.5·1.1 = 0.55, 1.1⁴ = 1.4641.
            [
                ("a ", 1.0),
                ("house", 1.573),
                (" ", 1.1),
                ("on", 1.0),
                (" a ", 1.1),
                ("hill", 0.55),
                (", sun, ", 1.1),
                ("sky", 1.4641),
                (".", 1.1),
            ],
        ),
        ("", [("", 1.0)]),
        ("(x:1.4)", [("x", 1.4)]),
        ("(x : 1.4 )", [("x ", 1.4)]),
        ("(x:-0.5)", [("x", -0.5)]),
        ("(x:.5)", [("x", 0.5)]),
        ("[x]", [("x", 0.909091)]),
        ("[[x]]", [("x", 0.826446)]),
        ("[x", [("x", 0.909091)]),
        ("x)", [("x)", 1.0)]),
        ("x]", [("x]", 1.0)]),
        ("a:b", [("a:b", 1.0)]),
        (r"back\\slash", [("back\\slash", 1.0)]),
        (r"back\slash", [("back\\slash", 1.0)]),
        # A weight belongs to round brackets only; in square ones it is text.
        ("[x:1.4]", [("x:1.4", 0.909091)]),
        ("x:1.4)", [("x:1.4)", 1.0)]),
        # A number that is none leaves the bracket open and is text itself.
        ("(x:1.2.3)", [("x:1.2.3)", 1.1)]),
        # Prompt editing and AND are text for now.
        ("[cat:dog:0.5] AND man", [("cat:dog:0.5", 0.909091), (" AND man", 1.0)]),
        ("cat BREAK dog", [("cat", 1.0), None, ("dog", 1.0)]),
        ("cat\nBREAK\ndog", [("cat", 1.0), None, ("dog", 1.0)]),
        ("BREAKFAST", [("BREAKFAST", 1.0)]),
        ("(cat BREAK dog:1.5)", [("cat", 1.5), None, ("dog", 1.5)]),
    ],
)
def test_prompts_are_read_as_a1111_reads_them(prompt: str, expected: list[tuple[str, float] | None]) -> None:
    assert weights(prompt) == expected


@given(st.text().filter(lambda text: "BREAK" not in text))
def test_escaped_text_is_unweighted_and_unchanged(text: str) -> None:
    assert parse(escape(text)) == (Fragment(text),)


def test_a_backslash_before_a_bracket_is_text_too() -> None:
    assert parse(escape(r"a \(b\) \\")) == (Fragment(r"a \(b\) \\"),)


@given(st.text(alphabet="ab ()[]:\\.,1B", max_size=40))
def test_reading_never_fails_and_never_loses_plain_characters(prompt: str) -> None:
    parts = parse(prompt)
    assert parts
    text = "".join(part.text for part in parts if isinstance(part, Fragment))
    for letter in "aB,":
        assert text.count(letter) == prompt.count(letter)
    neighbours = itertools.pairwise(parts)
    assert all(a.weight != b.weight for a, b in neighbours if isinstance(a, Fragment) and isinstance(b, Fragment))


@given(st.text(alphabet="ab ,", min_size=1), st.integers(-300, 300).map(lambda n: n / 100), st.integers(0, 3))
def test_nested_weights_multiply(text: str, weight: float, depth: int) -> None:
    (part,) = parse("(" * depth + f"({text}:{weight})" + ")" * depth)
    assert isinstance(part, Fragment)
    assert part.text == text
    assert part.weight == pytest.approx(weight * 1.1**depth)


def test_a_break_is_told_from_its_neighbours() -> None:
    assert parse("BREAK") == (Fragment(""), Break(), Fragment(""))


@pytest.mark.parametrize(
    ("prompt", "word", "weight", "expected"),
    [
        ("photo of ohwx man, ink poster style", "ohwx man", 1.2, "photo of (ohwx man:1.2), ink poster style"),
        ("photo of Ohwx Man", "ohwx man", 1.2, "photo of (Ohwx Man:1.2)"),
        ("ohwx man and ohwx man", "ohwx man", 0.8, "(ohwx man:0.8) and (ohwx man:0.8)"),
        ("a man, a woman, manly", "man", 1.0, "a (man:1), a woman, manly"),
        ("(ohwx man:1.2)", "ohwx man", 1.5, "((ohwx man:1.5):1.2)"),
        ("photo of ohwx man", "ohwx man", 10.0, "photo of (ohwx man:10)"),
        ("photo of ohwx man", "ohwx man", 1.125, "photo of (ohwx man:1.125)"),
        ("photo of ohwx man", "ohwx man", 0.00001, "photo of (ohwx man:0)"),
        ("style of c++", "c++", 1.1, "style of (c++:1.1)"),
    ],
)
def test_words_are_weighted_in_a_prompt(prompt: str, word: str, weight: float, expected: str) -> None:
    assert weight_words(prompt, word, weight) == expected


@pytest.mark.parametrize("word", ["zwx", "wx man", "", " "])
def test_a_word_that_is_not_there_is_named(word: str) -> None:
    with pytest.raises(
        DbsweepError, match=f"cannot weight '{word}': the prompt 'photo of ohwx man' does not contain it"
    ):
        weight_words("photo of ohwx man", word, 1.2)


@given(st.integers(1, 500).map(lambda n: n / 100))
def test_a_weighted_word_is_read_back_with_its_weight(weight: float) -> None:
    parts = parse(weight_words("photo of ohwx man, ink", "ohwx man", weight))
    total = {p.text: p.weight for p in parts if isinstance(p, Fragment)}
    assert total.get("ohwx man", 1.0) == pytest.approx(weight)
    assert "".join(total) == "photo of ohwx man, ink"


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("photo of man, ink poster style", "photo of man, ink poster style"),
        ("photo of ((man:1.3)), [ink] poster (style", "photo of man, ink poster style"),
        (r"man \(actor\), (by \[x\]:0.5)", "man (actor), by [x]"),
        ("() man BREAK  ink", "man ink"),
        ("", ""),
    ],
)
def test_words_as_a_person_reads_them(prompt: str, words: str) -> None:
    assert plain_text(prompt) == words
