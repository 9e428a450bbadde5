"""What is printed for people, at the width of their terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import Callable

import pytest

from dbsweep.commands.output import print_lines, print_note, print_whole

TOLD = "t008 at step 48 (epoch 4): identity 0.65 of the photos', style 0.52 and prior 0.53 of the base model's"


def shown_in_60_columns(monkeypatch, stream: str, say: Callable[[str], None]) -> list[str]:
    """The lines that are written to a narrow terminal."""
    ours, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    with os.fdopen(terminal, "w") as writer:
        monkeypatch.setattr(sys, stream, writer)
        say(TOLD)
        writer.flush()
        shown = os.read(ours, 4096).decode().splitlines()
    os.close(ours)
    return shown


@pytest.mark.parametrize(("stream", "say"), [("stdout", lambda text: print_lines([text])), ("stderr", print_note)])
def test_a_terminal_breaks_no_word(monkeypatch, stream, say):
    shown = shown_in_60_columns(monkeypatch, stream, say)
    assert " ".join(shown) == TOLD
    assert [len(line) <= 60 for line in shown] == [True, True]


def test_what_is_copied_is_left_to_the_terminal_to_break(monkeypatch):
    assert shown_in_60_columns(monkeypatch, "stdout", lambda text: print_whole([text])) == [TOLD]


def test_a_file_has_a_line_for_each(capsys):
    print_lines([TOLD, "next"])
    print_note(f"{TOLD}\nnext")
    out, err = capsys.readouterr()
    assert out.splitlines() == err.splitlines() == [TOLD, "next"]
