"""One driver a run, and a killed one stands in nobody's way."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dbsweep.errors import RunError
from dbsweep.execution import driver_lock
from dbsweep.execution.driver_lock import driving, is_led
from dbsweep.execution.folder import RunFolder

HOLDER = """
import sys, time
from pathlib import Path
from dbsweep.execution.driver_lock import driving
from dbsweep.execution.folder import RunFolder
with driving(RunFolder(Path(sys.argv[1]))):
    print("locked", flush=True)
    time.sleep(600)
"""


def test_a_second_driver_is_told_who_leads_and_a_killed_one_does_not_block(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        told = rf"led by process {holder.pid} on {socket.gethostname()} \(since .*dbsweep resume {tmp_path}"
        with pytest.raises(RunError, match=told), driving(run):
            pytest.fail("two drivers")
        holder.send_signal(signal.SIGKILL)
    with driving(run):
        assert driver_lock.Driver.model_validate_json(run.lock.read_text()).pid == os.getpid()
    with driving(run):
        """Again: the lock ends with the block."""


def test_who_leads_a_run_can_be_asked_without_disturbing_it(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert not is_led(run)
    with driving(run):
        named = run.lock.read_text()
        assert is_led(run)
        assert run.lock.read_text() == named
    assert not is_led(run)
    with driving(run):
        """Nobody holds it because somebody has asked."""


def test_a_driver_that_has_not_written_its_name_yet_blocks_too(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    with run.lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(RunError, match="led by another dbsweep already"), driving(run):
            pytest.fail("two drivers")


def test_whoever_asks_keeps_no_driver_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_lock, "PATIENCE_S", 60.0)  # of a machine that is busy
    run = RunFolder(tmp_path)
    with run.lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        answered = threading.Timer(0.05, fcntl.flock, (file, fcntl.LOCK_UN))
        answered.start()
        with driving(run):
            assert is_led(run)
        answered.join()


def test_a_disk_that_cannot_lock_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    (tmp_path / "driver.lock").touch()
    monkeypatch.setattr(fcntl, "flock", refuse)
    assert is_led(RunFolder(tmp_path))  # for all that anybody can tell
    with (
        pytest.raises(RunError, match=r"driver\.lock cannot be locked \(No locks available\)"),
        driving(RunFolder(tmp_path)),
    ):
        pytest.fail("not locked")
