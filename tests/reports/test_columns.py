"""Tables of plain text."""

from __future__ import annotations

from dbsweep.reports.columns import table


def test_numbers_stand_below_each_other_and_words_begin_together():
    rows = [("t001", "6e-5", "ready", "1,440"), ("t002", "2.4e-4", "–", "–"), ("t003", "–", "overtrained", "−2")]
    assert table(("trial", "rate", "verdict", "steps"), rows) == [
        "trial    rate  verdict      steps",
        "t001     6e-5  ready        1,440",
        "t002   2.4e-4  –                –",
        "t003        –  overtrained     −2",
    ]


def test_a_long_name_makes_no_wide_column():
    assert table(("class images per instance", "b"), [("10", "x")]) == [
        "   class",
        "  images",
        "     per",
        "instance  b",
        "      10  x",
    ]
    assert table(("best epoch",), [("a longer cell",)]) == ["best epoch", "a longer cell"]


def test_a_table_without_rows_has_its_head():
    assert table(("trial", "utility"), []) == ["trial  utility"]
