"""How far a long command is, on stderr."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import struct
import sys
import termios

import pytest

from dbsweep.commands.counting import counting, standing


@pytest.mark.parametrize(
    ("done", "spent_s", "text"),
    [
        (0, 5.0, "0 of 9,600 pictures"),
        (8, 12.0, "8 of 9,600 pictures, about 3 h 59 min left"),  # 9,592 at 1.5 s
        (9599, 14398.5, "9,599 of 9,600 pictures, about 2 s left"),
        (9600, 14400.0, "9,600 of 9,600 pictures"),
    ],
)
def test_the_time_left_is_told_from_the_first_picture_to_the_last(done: int, spent_s: float, text: str) -> None:
    assert standing("picture", done, 9600, spent_s) == text


def test_a_log_has_a_line_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([100.0, 110.0, 160.0, 219.0, 220.0])
    with counting("picture", lambda: next(times)) as count:
        for done in range(5):
            count(done, 10)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "0 of 10 pictures",
        "2 of 10 pictures, about 4 min 00 s left",  # two in the minute since 100
        "4 of 10 pictures, about 3 min 00 s left",  # four in two minutes
    ]


def test_where_there_is_nothing_to_do_nothing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with counting("picture") as count:
        count(0, 0)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    ours, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    times = iter([0.0, 3.0])
    with os.fdopen(terminal, "w") as writer:
        monkeypatch.setattr(sys, "stderr", writer)
        with counting("picture", lambda: next(times)) as count:
            count(0, 4)
            count(1, 4)
        writer.flush()
        os.set_blocking(ours, False)
        shown = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                shown += os.read(ours, 65536)
    os.close(ours)
    assert "━" in shown.decode()
    assert "1 of 4 pictures, about 9 s left" in shown.decode()
