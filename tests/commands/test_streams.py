"""A command whose output nobody reads any more does its work to the end."""

from __future__ import annotations

import os
import shlex
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
from tests.sweep.on_paper import curve

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


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_sweep_that_is_begun_without_streams_goes_on_to_its_choice(tmp_path: Path, closed: str) -> None:
    """As some programs start others."""
    words = shlex.join([sys.executable, "-c", ON_PAPER, "run", str(write_experiment(tmp_path))])
    done = subprocess.run(f"{words} {closed}", shell=True, check=False, text=True, capture_output=True)
    assert "Traceback" not in f"{done.stdout}{done.stderr}"
    assert done.returncode == 0
    record = read_run(find_run("demo", tmp_path / "runs"))
    assert record.choice is not None


CHILD = """
import os, subprocess, sys
from dbsweep.commands.streams import outlive_readers

outlive_readers()
written = subprocess.run([sys.executable, "-c", "import os; os.write(1, b'x'); os.write(2, b'x')"])
sys.exit(written.returncode or os.open(os.devnull, os.O_RDONLY))
"""
"""Its exit code is the number of the next file that it opens, or that of a child which cannot write."""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_no_file_gets_the_number_of_a_closed_stream(closed: str) -> None:
    """SQLite's could, and a library that prints would write into the ledger."""
    done = subprocess.run(f"{shlex.join([sys.executable, '-c', CHILD])} {closed}", shell=True, check=False)
    assert done.returncode > 2


def test_an_answer_stands_before_what_is_said_after_it_in_a_log_of_both() -> None:
    """As containers keep them, which ask Python not to hold lines back."""
    code = """
import sys
from dbsweep.commands.streams import outlive_readers
outlive_readers()
print("answer")
print("note", file=sys.stderr)
"""
    unbuffered = {**os.environ, "PYTHONUNBUFFERED": "1"}
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run([sys.executable, "-c", code], check=True, env=unbuffered, **both)  # type: ignore[call-overload]
    assert done.stdout == "answer\nnote\n"
