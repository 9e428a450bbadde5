"""Made-up sweeps are what they say, and the command compares rules on them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.selection_rules import CHECKPOINTS, RATES, RULES, made_up_sweep, main
from dbsweep.records.names import Metric
from dbsweep.selection.utility import JUDGED, Utility


def test_truth_is_what_the_samples_scatter_about() -> None:
    """Over 50 sweeps, the mean utility of 64 images a prompt lies near the truth."""
    off = []
    for seed in range(50):
        sweep = made_up_sweep(seed)
        measured = [Utility().value_of(card) for _, _, card in sweep.candidates(64)]
        off.append(np.mean(np.array(measured) - sweep.truth))
    assert abs(np.mean(off)) <= 0.01


def test_sweeps_run_from_under_to_overtraining() -> None:
    """The gentlest training is best at its end, the hardest has lost its style there."""
    sweep = made_up_sweep(3)
    assert len(sweep.truth) == CHECKPOINTS * len(RATES)
    assert np.argmax(sweep.truth[:CHECKPOINTS]) == CHECKPOINTS - 1
    assert sweep.samples[Metric.STYLE][-1].mean() < 0.5 < sweep.samples[Metric.STYLE][0].mean()


def test_more_images_begin_with_the_samples_of_fewer() -> None:
    few, more = (made_up_sweep(1).candidates(images) for images in (4, 16))
    for (_, _, first), (_, _, second) in zip(few, more, strict=True):
        for metric in JUDGED:
            row = first.scores[metric].samples
            assert second.scores[metric].samples[: len(row)] == row
    assert [point.id for _, point, _ in few] == [point.id for _, point, _ in more]


def test_the_command_compares_the_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--sweeps", "4", "--json", "--out", str(tmp_path / "rules.json")]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result == json.loads((tmp_path / "rules.json").read_text(encoding="utf-8"))
    assert set(result["4"]) == set(RULES)
    assert result["64"]["best_score"]["moved"] == 0.0
    assert result["4"]["one_standard_error"]["step"] <= result["4"]["dbsweep"]["step"] <= CHECKPOINTS
