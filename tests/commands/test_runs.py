"""Tests of the commands that show runs: answers on stdout, mistakes as one clear message."""

from __future__ import annotations

import io
import json
import math

import pytest
from rich.console import Console

from dbsweep.config.loading import load_experiment
from dbsweep.execution.simulated import SimulatedBackend
from dbsweep.records.names import Metric
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.running import run_experiment
from tests.sweep.files import write_experiment


def test_an_unknown_run_is_an_error_with_the_names_there_are(dbsweep, tmp_path):
    code, _, err = dbsweep("best", "nothing", "--runs", tmp_path)
    assert code == 2
    assert "no run 'nothing'" in err


def test_runs_of_an_empty_folder_are_an_empty_list(dbsweep, tmp_path):
    assert dbsweep("runs", "--json", "--runs", tmp_path)[:2] == (0, "[]\n")


def test_a_folder_that_is_named_must_be_there(dbsweep, tmp_path, monkeypatch):
    """A script with a slip in it must not take no folder for no runs; where nothing was ever run, there are none."""
    monkeypatch.chdir(tmp_path)
    code, out, err = dbsweep("runs", "--json", "--runs", tmp_path / "rums")
    assert (code, out) == (2, "")
    assert "rums: --runs is the folder that holds the runs" in " ".join(err.split())
    assert dbsweep("runs", "--json")[:2] == (0, "[]\n")


def test_a_file_in_place_of_the_folder_of_runs_is_refused(dbsweep, tmp_path):
    (tmp_path / "mine.yaml").write_text("")
    code, _, err = dbsweep("runs", "--runs", tmp_path / "mine.yaml")
    assert code == 2
    assert "--runs is the folder that holds the runs" in " ".join(err.split())


@pytest.mark.parametrize("command", ["best", "trials", "report", "resume", "track"])
def test_a_run_is_looked_for_in_a_folder_alone(dbsweep, tmp_path, command):
    (tmp_path / "mine.yaml").write_text("")
    for runs, wrong in ((tmp_path / "mine.yaml", "is a file"), (tmp_path / "rums", "does not exist")):
        code, out, err = dbsweep(command, "demo", "--runs", runs)
        assert (code, out) == (2, "")
        assert f"no run 'demo' in {runs}, which {wrong}: give the folder" in " ".join(err.split())


def test_a_run_that_cannot_be_read_does_not_hide_the_others_which_are_named_as_they_are_found(dbsweep, tmp_path):
    experiment = load_experiment(write_experiment(tmp_path))
    view = TerminalView(Console(file=io.StringIO()))
    run_experiment(experiment, lambda *_: SimulatedBackend(lambda *_: dict.fromkeys(Metric, 1.0)), view)
    (tmp_path / "runs" / "demo").rename(tmp_path / "runs" / "mine")
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "ledger.db").write_text("no database")
    code, out, err = dbsweep("runs", "--json", "--runs", tmp_path / "runs")
    assert (code, [run["run"] for run in json.loads(out)]) == (0, ["mine"])
    assert "broken/ledger.db cannot be used (file is not a database)" in " ".join(err.split())


def test_a_run_that_is_over_is_resumed_to_its_answer(dbsweep, tmp_path):
    """A script, or a cluster that tries a job again, asks for it until it is done."""
    experiment = load_experiment(write_experiment(tmp_path))
    view = TerminalView(Console(file=io.StringIO()))
    run_experiment(experiment, lambda *_: SimulatedBackend(lambda *_: dict.fromkeys(Metric, 1.0)), view)
    answer = dbsweep("best", "demo", "--runs", tmp_path / "runs")
    code, out, err = dbsweep("resume", "demo", "--runs", tmp_path / "runs")
    assert (code, out) == answer[:2]
    assert (code, out.startswith("Run demo: keep ")) == (0, True)
    assert "Nothing is left to do: run 'demo' is over" in err


@pytest.mark.parametrize(
    "words", [("best",), ("best", "--json"), ("export", "--out", "model.safetensors"), ("resume",)]
)
def test_a_run_that_ended_without_a_choice_has_the_exit_code_that_it_ended_with(dbsweep, tmp_path, words):
    """A script asks `best` of a run that another one has led, and cannot mend that there is none."""
    experiment = load_experiment(write_experiment(tmp_path))
    view = TerminalView(Console(file=io.StringIO()))
    run_experiment(experiment, lambda *_: SimulatedBackend(lambda *_: dict.fromkeys(Metric, math.nan)), view)
    command, *options = words
    code, out, err = dbsweep(command, "demo", *options, "--runs", tmp_path / "runs")
    assert (code, out) == (1, "")
    told = "nothing could be chosen" if command == "resume" else "it is over, and no checkpoint could be chosen"
    assert told in " ".join(err.split())
