"""What is printed for people, at the width of their terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import sys
import termios

import pytest

from dbsweep.commands.output import print_lines, print_note

TOLD = "t008 at step 48 (epoch 4): identity 0.65 of the photos', style 0.52 and prior 0.53 of the base model's"


@pytest.mark.parametrize(("stream", "say"), [("stdout", lambda text: print_lines([text])), ("stderr", print_note)])
def test_a_terminal_breaks_no_word(monkeypatch, stream, say):
    ours, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    with os.fdopen(terminal, "w") as writer:
        monkeypatch.setattr(sys, stream, writer)
        say(TOLD)
        writer.flush()
        shown = os.read(ours, 4096).decode().splitlines()
    os.close(ours)
    assert " ".join(shown) == TOLD
    assert [len(line) <= 60 for line in shown] == [True, True]


def test_a_file_has_a_line_for_each(capsys):
    print_lines([TOLD, "next"])
    print_note(f"{TOLD}\nnext")
    out, err = capsys.readouterr()
    assert out.splitlines() == err.splitlines() == [TOLD, "next"]
