"""In any script a text begins a new word or goes on with one, and is cut where words end."""

from __future__ import annotations

import pytest

from dbsweep.prompting.scripts import begins_anew, may_begin_anew, without_last_word


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        (" at sea", True),
        (", neon", True),
        ("在花园里", True),
        ("𠀀", True),
        ("かわいい", True),
        ("カメラ", True),
        ("ในสวน", True),
        ("😀", True),
        ("s at sea", False),
        ("2", False),
        ("-like", False),
        ("в саду", False),
        ("नीला", False),
        ("한국", False),  # written with spaces
        ("\u0301", False),  # an accent
        ("\u0e31", False),  # a vowel of Thai above the letter before it
        ("\ufe0f", False),
        ("\u200d", False),
        ("\ufffd", False),
        ("", False),
    ],
)
def test_what_makes_no_word_longer_begins_anew(text: str, begins: bool) -> None:
    assert begins_anew(text) is begins


@pytest.mark.parametrize(
    ("token", "may"),
    [
        ("ä", True),  # E4, of ideographs, as a byte-level tokenizer writes it
        ("ä½", True),  # E4 BD
        ("à¸", True),  # E0 B8, of Thai
        ("à¤", False),  # E0 A4, of Devanagari
        ("Ð", False),  # D0, of Cyrillic
        ("½", False),  # BD, the middle of a letter
        ("<0xE4>", True),
        ("<0xBD>", False),
        ("▁ä", False),  # not of bytes
        ("", False),
    ],
)
def test_a_part_of_a_letter_is_known_by_its_bytes(token: str, may: bool) -> None:
    assert may_begin_anew(token) is may


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (" a red ha", " a red"),
        (" a red ", " a red"),
        (" red", ""),
        ("red", ""),
        ("", ""),
        ("在花园", "在花"),
        ("在花园 red", "在花园"),
        ("在花园red", "在花园"),
        ("red在花园", "red在花"),
    ],
)
def test_the_last_word_is_left_out(text: str, left: str) -> None:
    assert without_last_word(text) == left
