"""The scale benchmark counts what it says it counts; its timings are nobody's promise here."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.scale import measure_plans, measure_ray, measure_sweeps, table


def test_every_shape_is_planned_with_about_as_many_trials():
    plans = measure_plans(100)
    assert {shape: plan["trials"] for shape, plan in plans.items()} == {"deep": 100, "wide": 100, "unshared": 100}
    assert plans["unshared"]["branches"] == 100
    assert plans["deep"]["branches"] < 100
    assert plans["wide"]["branches"] == 10


def test_simulated_sweeps_report_every_start_checkpoint_and_end(tmp_path: Path):
    sweeps = measure_sweeps(20, tmp_path)
    assert sweeps["unshared"]["reports"] == 20 * 3  # a start, the checkpoint at epoch 2, an end
    assert sweeps["unshared"]["ledger_bytes_per_trial"] > 1000
    assert all(len(sweep["memory_growth_bytes_by_quarter"]) >= 1 for sweep in sweeps.values())


def test_the_table_names_every_shape(tmp_path: Path):
    lines = table({"plans": measure_plans(20), "sweeps": measure_sweeps(20, tmp_path)})
    assert sum(shape in line for line in lines for shape in ("deep", "wide", "unshared")) == 6


@pytest.mark.usefixtures("ray_session")
def test_trials_on_ray_are_counted_by_the_worker_that_took_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("benchmarks.scale.EARLY", 1)
    monkeypatch.setattr("benchmarks.scale.LASTING_TRIALS", 2)
    monkeypatch.setattr("benchmarks.scale.LASTING_SECONDS", 0.1)
    ray = measure_ray(4, 1, tmp_path)
    counts = (*ray["worker_processes"], *ray["bare_worker_processes"])
    assert len(counts) == 2  # of one repeat, the warm-up left out
    assert all(1 <= count <= 2 for count in counts)
    assert sum(ray["lasting"]["trials_by_worker"]) == 2
    assert any(line.endswith(f"by worker: {ray['lasting']['trials_by_worker']}") for line in table({"ray": ray}))
