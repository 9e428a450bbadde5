"""Packages that are left out of a process."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbsweep.models.left_out import leave_out, let_in

PACKAGE = "a_package_of_this_test"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / f"{PACKAGE}.py").write_text("VALUE = 3", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield PACKAGE
    sys.modules.pop(PACKAGE, None)


def test_what_is_left_out_looks_as_if_it_were_not_installed(package: str) -> None:
    leave_out(package)
    assert importlib.util.find_spec(package) is None
    with pytest.raises(ImportError):
        importlib.import_module(package)
    let_in(package)
    assert importlib.import_module(package).VALUE == 3


def test_what_is_loaded_stays(package: str) -> None:
    loaded = importlib.import_module(package)
    leave_out(package)
    let_in(package)
    assert importlib.import_module(package) is loaded


def test_letting_in_what_was_never_left_out_changes_nothing(package: str) -> None:
    let_in(package)
    assert package not in sys.modules
