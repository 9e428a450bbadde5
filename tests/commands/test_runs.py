"""Tests of the commands that show runs: answers on stdout, mistakes as one clear message."""

from __future__ import annotations


def test_an_unknown_run_is_an_error_with_the_names_there_are(dbsweep, tmp_path):
    code, _, err = dbsweep("best", "nothing", "--runs", tmp_path)
    assert code == 2
    assert "no run 'nothing'" in err


def test_runs_of_an_empty_folder_are_an_empty_list(dbsweep, tmp_path):
    assert dbsweep("runs", "--json", "--runs", tmp_path)[:2] == (0, "[]\n")


def test_a_file_in_place_of_the_folder_of_runs_is_refused(dbsweep, tmp_path):
    (tmp_path / "mine.yaml").write_text("")
    code, _, err = dbsweep("runs", "--runs", tmp_path / "mine.yaml")
    assert code == 2
    assert "--runs is the folder that holds the runs" in " ".join(err.split())
