"""Legends name what is drawn, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.records.names import VerdictState
from dbsweep.records.run import RunRecord
from dbsweep.reports.curves import Curve, FrontPoint, Panel
from dbsweep.reports.data import report_data
from dbsweep.reports.legends import Key, curve_keys, front_keys
from tests.reports.test_page import rendered

CHOSEN = [("chosen", "chosen trial, with its 95% interval"), ("here", "chosen epoch")]


def told(keys: tuple[Key, ...]) -> list[tuple[str, str]]:
    return [(key.tone, key.words) for key in keys]


@pytest.mark.parametrize(
    ("tones", "keys"),
    [
        (["ready", "chosen"], [*CHOSEN, ("plain", "the others")]),
        (["overtrained", "chosen"], [*CHOSEN, ("overtrained", "overtrained")]),
        (["collapsed", "chosen"], [*CHOSEN, ("overtrained", "collapsed")]),
        (["collapsed", "overtrained"], [("overtrained", "overtrained or collapsed")]),
        (["undertrained", "learning"], [("undertrained", "undertrained"), ("plain", "the others")]),
        (["plain", "ready"], [("plain", "the trials")]),
        ([], []),
    ],
)
def test_curves_are_named_by_what_is_drawn(tones: list[str], keys: list[tuple[str, str]]) -> None:
    panels = [Panel("Identity", "", None, (Curve("t001", tone, ()),)) for tone in tones]
    assert told(curve_keys(panels)) == keys


def test_dots_are_named_by_what_is_drawn() -> None:
    dots = [FrontPoint(0.5, 0.5, 1.0, tone, "tip") for tone in ("plain", "chosen")]
    assert told(front_keys(dots)) == [("chosen", "chosen"), ("plain", "the others")]
    assert [key.tone for key in front_keys([FrontPoint(0.5, 0.5, 1.0, "front", "tip"), *dots])] == [
        "chosen",
        "front",
        "plain",
    ]


def test_a_page_without_undertrained_trials_names_none_in_its_legend(
    record: RunRecord, run_folder: Path, tmp_path: Path
) -> None:
    ready = record.verdicts["t002"].model_copy(update={"state": VerdictState.READY})
    fine = record.model_copy(update={"verdicts": {**record.verdicts, "t001": ready, "t002": ready}})
    for changed, named in ((record, True), (fine, False)):
        keys = curve_keys(report_data(changed, run_folder).panels)
        classes = rendered(changed, run_folder, tmp_path).values("class")
        assert [f"key {key.tone}" for key in keys] == [
            kind for kind in classes if kind.startswith("key ") and "dot" not in kind and "framed" not in kind
        ]
        assert ("key undertrained" in classes) is named
