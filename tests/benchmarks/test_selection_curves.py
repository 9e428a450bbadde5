"""Curves on disk, and the records that the product takes."""

from __future__ import annotations

from pathlib import Path

from benchmarks.selection_curves import CardData, read_curves, write_curves
from dbsweep.records.names import BASE, Metric
from tests.benchmarks.selection_sweeps import GENTLE, HARD, card, settings_sweep, sweep, trial


def test_curves_survive_the_file_and_it_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    curves = [sweep(trial(GENTLE), trial(HARD, rate=1e-4)), sweep(trial(HARD), seed=101)]
    write_curves(curves, tmp_path / "a.json.gz")
    write_curves(read_curves(tmp_path / "a.json.gz"), tmp_path / "b.json.gz")
    assert read_curves(tmp_path / "b.json.gz") == curves
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()


def test_numbers_are_rounded_and_nan_is_kept(tmp_path: Path) -> None:
    odd = CardData(values={Metric.STYLE: float("nan")}, samples={Metric.STYLE: (0.123456, float("nan"))})
    curves = sweep(trial(GENTLE)).model_copy(update={"base": odd})
    write_curves([curves], tmp_path / "a.json.gz")
    (again,) = read_curves(tmp_path / "a.json.gz")
    assert repr(again.base.samples[Metric.STYLE]) == "(0.1235, nan)"
    assert again.base.card(BASE).value(Metric.STYLE) != again.base.card(BASE).value(Metric.STYLE)


def test_candidates_are_all_checkpoints_with_their_trial_as_branch() -> None:
    rows = sweep(trial(GENTLE, rate=1e-5), trial(HARD, rate=1e-4)).candidates()
    assert [(name, c.id, c.step, c.epoch) for name, c, _ in rows][3:5] == [
        ("lr1e-05", "lr1e-05-000040", 40, 8),
        ("lr0.0001", "lr0.0001-000010", 10, 2),
    ]
    assert rows[4][2].scores[Metric.STYLE].samples == card(HARD[0]).samples[Metric.STYLE]


def test_trials_that_differ_in_other_settings_than_the_rate_have_names_of_their_own() -> None:
    curves = settings_sweep()
    assert curves.trials[1].settings == "1e-05, class_images_per_instance 0, text_encoder_ratio 1"
    assert len(set(curves.names)) == 8 * 4
    card = CardData(values={Metric.STYLE: 0.5}, samples={})
    known = curves.with_closer_looks({curves.names[4]: {8: card}})
    assert [known.closer_look(name, 8) is not None for name in curves.names] == [index == 4 for index in range(32)]


def test_a_step_without_class_images_costs_half() -> None:
    curves = settings_sweep()
    assert [curves.step_cost(each) for each in curves.trials] == [3, 3, 6, 6] * 2
    assert sweep(trial(HARD)).step_cost(trial(HARD)) == 6
