"""Bars of scores: where they end, and what of a score lies beyond."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dbsweep.records.names import Metric
from dbsweep.records.results import Score
from dbsweep.records.run import RunRecord
from dbsweep.reports.data import report_data
from dbsweep.reports.gauges import Gauge, gauge, scale_sentence, top
from dbsweep.reports.page import render_report

NAN = float("nan")


def score(low: float, value: float, high: float) -> Score:
    return Score(low=low, value=value, high=high, samples=())


@pytest.mark.parametrize(
    ("highs", "end"),
    [
        ((0.4, 0.9), 1.0),
        ((0.9, 1.0), 1.0),
        ((1.0 + 1e-12,), 1.0),
        ((1.01,), 1.25),
        ((1.25, 0.3), 1.25),
        ((7.0,), 2.0),
        ((NAN,), 1.0),
        ((), 1.0),
    ],
)
def test_the_scale_ends_behind_the_highest_interval(highs: tuple[float, ...], end: float) -> None:
    assert top(score(0.0, 0.0, high) for high in highs) == end


@pytest.mark.parametrize(
    ("values", "end", "expected"),
    [
        ((0.2, 0.4, 0.6), 1.0, Gauge(0.2, 0.4, 0.6, 1.0, is_below=False, is_above=False)),
        ((0.5, 1.0, 1.25), 1.25, Gauge(0.4, 0.8, 1.0, 0.8, is_below=False, is_above=False)),
        ((-0.2, 0.5, 2.5), 2.0, Gauge(0.0, 0.25, 1.0, 0.5, is_below=True, is_above=True)),
        ((-1e-12, 0.5, 1.0 + 1e-12), 1.0, Gauge(0.0, 0.5, 1.0, 1.0, is_below=False, is_above=False)),
        ((-3.0, -2.0, -1.0), 1.0, Gauge(0.0, 0.0, 0.0, 1.0, is_below=True, is_above=False)),
        ((NAN, 0.5, NAN), 1.0, Gauge(0.0, 0.5, 0.0, 1.0, is_below=False, is_above=False)),
        ((NAN, NAN, NAN), 1.0, Gauge(0.0, 0.0, 0.0, 1.0, is_below=False, is_above=False)),
    ],
)
def test_a_score_stands_on_the_scale_and_says_where_it_was_cut(
    values: tuple[float, float, float], end: float, expected: Gauge
) -> None:
    assert gauge(score(*values), end) == expected


def test_a_scale_that_goes_beyond_1_is_told() -> None:
    assert scale_sentence(1.0) == ""
    assert scale_sentence(1.25) == "bars to 1.25, line at 1"


@pytest.mark.parametrize(
    ("prior", "ends", "line", "arrow"),
    [
        ((0.8, 0.9, 1.0), "", None, ""),
        ((0.9, 1.1, 1.4), "1.50", "66.7%", ""),
        ((0.9, 1.1, 2.6), "2.00", "50.0%", " above"),
    ],
)
def test_the_page_shows_that_a_score_is_above_1(
    record: RunRecord,
    run_folder: Path,
    tmp_path: Path,
    prior: tuple[float, float, float],
    ends: str,
    line: str | None,
    arrow: str,
) -> None:
    assert record.choice is not None
    key = record.choice.best.checkpoint
    scores = {
        metric: old.model_copy(update={"high": min(old.high, 1.0)})
        for metric, old in record.scorecards[key].scores.items()
    }
    card = record.scorecards[key].model_copy(update={"scores": {**scores, Metric.PRIOR: score(*prior)}})
    changed = record.model_copy(update={"scorecards": {**record.scorecards, key: card}})
    page = render_report(report_data(changed, run_folder), tmp_path).read_text(encoding="utf-8")
    assert (f"bars to {ends}, line at 1" in page) is bool(ends)
    (bar,) = re.findall(r'<dt>Prior</dt>\s*<dd>.*?<span class="gauge([^"]*)"[^>]*>(.*?)</span>', page, re.DOTALL)
    assert bar[0] == arrow
    assert re.findall(r'<u style="left:([^"]*)">', bar[1]) == ([line] if line else [])
