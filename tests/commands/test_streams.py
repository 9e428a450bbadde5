"""A command whose output nobody reads any more does its work to the end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dbsweep.sweep.answers import find_run, read_run
from tests.sweep.files import write_experiment

ON_PAPER = """
import sys
from dbsweep import cli
from dbsweep.execution.simulated import SimulatedBackend
from dbsweep.sweep import running
from tests.sweep.test_running import curve

running.on_ray = lambda address: lambda *_: SimulatedBackend(curve)
cli.main()
"""
"""The command line, with sweeps on paper."""


def exit_code(*words: str | Path, unread: str) -> int:
    """Of `dbsweep WORDS`, with streams that nobody reads; what it says elsewhere has no traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | dict.fromkeys(unread.split(), writer)
    done = subprocess.run([sys.executable, "-c", ON_PAPER, *map(str, words)], check=False, text=True, **streams)  # type: ignore[call-overload]
    os.close(writer)
    assert "Traceback" not in f"{done.stdout}{done.stderr}"
    return int(done.returncode)


@pytest.mark.parametrize("unread", ["stdout", "stderr", "stdout stderr"])
def test_a_sweep_goes_on_to_its_choice(tmp_path: Path, unread: str) -> None:
    assert exit_code("run", write_experiment(tmp_path), unread=unread) == 0
    record = read_run(find_run("demo", tmp_path / "runs"))
    assert record.finished is not None
    assert record.choice is not None


def test_what_a_program_reads_the_beginning_of_is_no_failure(tmp_path: Path) -> None:
    assert exit_code("plan", write_experiment(tmp_path), "--json", unread="stdout") == 0


def test_a_mistake_keeps_its_exit_code(tmp_path: Path) -> None:
    assert exit_code("plan", tmp_path / "none.yaml", unread="stdout stderr") == 2
