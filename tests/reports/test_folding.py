"""Sentences at the width of a terminal."""

from __future__ import annotations

import pytest

from dbsweep.reports.folding import fold


def test_a_sentence_is_broken_between_words_and_a_list_stays_one():
    assert fold("- The best of another trial is t004", 20) == ["- The best of", "  another trial is", "  t004"]
    assert fold("  indented as the line before it", 16) == ["  indented as", "  the line", "  before it"]


@pytest.mark.parametrize(
    "line", ["short", "t001   4     0.47  0.78  ready and more", "", "a-long-path/of-one-word/only"]
)
def test_what_fits_and_what_stands_in_columns_stays_as_it_is(line: str):
    assert fold(line, 20) == [line]


def test_a_file_has_one_line_a_sentence():
    assert fold("word " * 100, None) == ["word " * 100]


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (
            "Everything is kept; go on with: dbsweep resume my_face",
            ["Everything is kept; go on", "with:", "dbsweep resume my_face"],
        ),
        (
            "Some went wrong; see `dbsweep trials my_face` for why",
            ["Some went wrong; see", "`dbsweep trials my_face`", "for why"],
        ),
        ("    dbsweep best my_face --export my_face", ["    dbsweep best my_face --export my_face"]),
        ("dbsweep: it is there: dbsweep resume it; or not", ["dbsweep: it is there:", "dbsweep resume it; or not"]),
    ],
)
def test_a_command_is_never_broken_so_that_it_can_be_copied(line: str, parts: list[str]):
    assert fold(line, 25) == parts
