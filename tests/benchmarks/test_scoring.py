"""The scoring benchmark counts and compares what it says, on tables whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import scoring
from benchmarks.scoring import adaptive, by_protocol, compare, main, measure
from benchmarks.scoring_table import CheckpointTable, SweepTable, read_tables, write_tables
from benchmarks.selection_curves import CardData
from dbsweep.records.names import Metric
from dbsweep.selection.utility import JUDGED

COUNTS = {Metric.IDENTITY: 9, Metric.STYLE: 7, Metric.PRIOR: 9}
"""Samples a seed: of the 25 prompts."""


def card(level: float, seeds: int, noise: int, spread: float = 0.1) -> CardData:
    """Samples about a level; more seeds begin with the same samples."""
    samples = {}
    for place, metric in enumerate(JUDGED):
        rows = level + np.random.default_rng([noise, place]).normal(0.0, spread, 4 * COUNTS[metric])
        samples[metric] = tuple(rows[: seeds * COUNTS[metric]].tolist())
    return CardData(values={m: float(np.mean(s)) for m, s in samples.items()}, samples=samples)


def sweep(levels: tuple[float, ...], hopeless: float = 0.15) -> SweepTable:
    """Checkpoints of one branch each; with the protocol's steps the samples are all but the same."""
    points = [
        CheckpointTable(
            trial=f"t{place}",
            branch=f"b{place}",
            step=48,
            epoch=6,
            cards={seeds: card(level, seeds, place) for seeds in (2, 4)},
            protocol=card(level + 0.001, 4, place) if level > max(levels) - hopeless else None,
        )
        for place, level in enumerate(levels)
    ]
    return SweepTable(
        seed=1,
        klass="man",
        base=card(1.0, 2, 99),
        evaluations_per_image=30,
        protocol_evaluations_per_image=100,
        checkpoints=tuple(points),
    )


def test_one_that_is_far_ahead_costs_the_first_looks_and_the_references():
    choice, evaluations, raced = adaptive(sweep((0.3, 0.5, 0.9)))
    assert choice.best.checkpoint == "b2-000048"
    assert raced == 0
    assert evaluations == (3 * 2 + 4) * 25 * 30  # two images a checkpoint, four of the untrained model


def test_those_that_race_cost_their_further_images():
    _, evaluations, raced = adaptive(sweep((0.3, 0.895, 0.9)))
    assert raced == 2
    assert evaluations == (3 * 2 + 4 + 2 * 2) * 25 * 30


def test_the_protocol_pays_for_every_checkpoint():
    outcome = compare(sweep((0.3, 0.5, 0.9)))
    assert outcome.protocol_evaluations == (3 + 1) * 25 * 4 * 50 * 2
    assert outcome.chosen == outcome.protocol_chosen == by_protocol(sweep((0.3, 0.5, 0.9))).best.checkpoint
    assert outcome.regret == 0.0


def test_all_sweeps_together():
    result = measure([sweep((0.3, 0.5, 0.9)), sweep((0.4, 0.895, 0.9))])
    assert result["sweeps"] == 2
    assert result["checkpoints"] == 6
    assert result["same_choice"] == 1.0
    assert result["evaluations_ratio"] == pytest.approx(2 * 40_000 / ((10 + 14) * 750), abs=1e-3)
    assert result["rank_agreement_15_50_steps"] == 1.0


def test_tables_come_back_as_they_were_written(tmp_path: Path):
    tables = [sweep((0.3, 0.9))]
    write_tables(tables, tmp_path / "tables.json.gz")
    first = (tmp_path / "tables.json.gz").read_bytes()
    write_tables(tables, tmp_path / "tables.json.gz")
    assert (tmp_path / "tables.json.gz").read_bytes() == first
    assert read_tables(tmp_path / "tables.json.gz") == tables


def test_the_command_prints_what_the_tables_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    tables = [sweep((0.3, 0.5, 0.9)), sweep((0.4, 0.895, 0.9))]
    write_tables(tables, tmp_path / "tables.json.gz")
    monkeypatch.setattr(scoring, "DATA", tmp_path / "tables.json.gz")
    code = main(["--json", "--out", str(tmp_path / "result.json")])
    assert json.loads(capsys.readouterr().out) == measure(tables) == json.loads((tmp_path / "result.json").read_text())
    assert code == 0  # 80,000 evaluations against 18,000, the same choices


def test_without_tables_it_says_how_to_make_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(scoring, "DATA", tmp_path / "none.json.gz")
    assert main(["--json"]) == 2
    assert "make them with --subjects" in capsys.readouterr().err


def test_the_shipped_tables_give_what_is_recorded(capsys: pytest.CaptureFixture[str]):
    assert main(["--json"]) == 0  # both goals are met, on the few sweeps that there are
    result = json.loads(capsys.readouterr().out)
    recorded = Path(scoring.__file__).parent / "results" / "scoring.json"
    assert result == json.loads(recorded.read_text(encoding="utf-8"))
    assert result["evaluations_ratio"] >= 4.0
    assert result["same_choice"] >= 0.95
