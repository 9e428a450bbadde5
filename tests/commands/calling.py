"""Calls of the command line, as the installed command makes them."""

from __future__ import annotations

import pytest

from dbsweep import cli


def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of `dbsweep WORDS`, as the installed command runs it."""
    monkeypatch.setattr("sys.argv", ["dbsweep", *words])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    out, err = capsys.readouterr()
    code = exit_.value.code
    return (code if isinstance(code, int) else 0), out, err
