"""A process without progress is ended and leaves what it hung in; one with progress is left alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dbsweep.execution.folder import RunFolder
from dbsweep.execution.stall import StallWatch, explained, traces_file
from dbsweep.records.events import BranchEnded
from dbsweep.records.names import TrialState

SCRIPT = """
import sys, time
from pathlib import Path
from dbsweep.execution.stall import StallWatch

def hang_in_here():
    time.sleep(60)

with StallWatch(0.5, Path(sys.argv[1])) as watch:
    for _ in range(10):  # 1 s in all: twice the time that is allowed without progress
        time.sleep(0.1)
        watch.alive()
    print("alive", flush=True)
    if sys.argv[2] == "hang":
        hang_in_here()
"""


@pytest.mark.parametrize(("then", "exit_code"), [("end", 0), ("hang", 1)])
def test_only_a_process_without_progress_is_ended(tmp_path: Path, then: str, exit_code: int) -> None:
    traces = tmp_path / "b01" / "stalled.txt"
    command = [sys.executable, "-c", SCRIPT, str(traces), then]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (exit_code, "alive\n")
    assert traces.exists() == (then == "hang")
    assert then == "end" or "hang_in_here" in traces.read_text()


def test_zero_never_ends_a_process(tmp_path: Path) -> None:
    with StallWatch(0.0, tmp_path / "stalled.txt") as watch:
        watch.alive()
    assert not list(tmp_path.iterdir())


def test_a_failure_after_stalls_says_where_to_look(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    end = BranchEnded(branch="b01", state=TrialState.FAILED, last_step=4, reason="its worker died: exit code 1")
    assert explained(end, run, 1800.0) == end
    traces_file(run, "b01").parent.mkdir(parents=True)
    traces_file(run, "b01").write_text("Timeout!")
    told = explained(end, run, 1800.0).reason
    assert told.startswith("its worker died: exit code 1; an attempt made no progress for 1800 s")
    assert str(traces_file(run, "b01")) in told
    whole = end.model_copy(update={"state": TrialState.COMPLETED, "reason": ""})
    assert explained(whole, run, 1800.0) == whole
