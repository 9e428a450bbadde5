"""stdout and stderr of a command: they outlive whoever reads them."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_GONE = (errno.EPIPE, errno.EIO)
"""A pipe whose reader has ended; a terminal that was closed."""

_STDERR = 2
"""The number of the last of the three standard streams."""


def outlive_readers() -> None:
    """What is written after the reader has gone goes nowhere: a sweep does not end with the `head` behind it.

    A character that the terminal's encoding lacks becomes a question mark, for the same reason. So nothing is lost
    either where a stream was closed from the beginning (`>&-`).
    """
    _fill_closed()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, io.TextIOWrapper):
            continue
        stream.reconfigure(errors="replace")
        if stream is getattr(sys, f"__{name}__"):  # and none that a test has put there, without a file beneath
            setattr(sys, name, _outliving(stream))


def _fill_closed() -> None:
    """The null device in place of each stream that was closed before this process began, for its children too.

    Else the next file to be opened would get the stream's number, and what a library prints could end in the ledger.
    """
    while (null := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(null, True)
    os.close(null)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, io.TextIOWrapper(io.FileIO(os.devnull, "w"), encoding="utf-8"))


def _outliving(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Outliving(stream.fileno(), "wb", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering or stream.write_through,  # PYTHONUNBUFFERED, as in many containers
    )


class _Outliving(io.FileIO):
    """A file that becomes the null device when nobody reads it any more, for everything in this process."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in _GONE:
                raise
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.fileno())
        os.close(null)
        return super().write(data)
