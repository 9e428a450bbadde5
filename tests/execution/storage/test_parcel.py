"""A list in the storage that names other places than its folder's."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.execution.storage.store import Store
from tests.execution.texts import content, fill


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "deep/../../evil", "..", ""])
def test_a_name_that_leaves_the_folder_never_becomes_a_path(name: str, tmp_path: Path) -> None:
    here, there = Store(tmp_path / "a", str(tmp_path / "s")), Store(tmp_path / "b", str(tmp_path / "s"))
    here.put(fill(tmp_path / "a" / "x", weights="1"))
    (parcel,) = (tmp_path / "s" / "x").glob("parcel-*.json")
    parcel.write_text(parcel.read_text().replace('"weights"', f'"{name}"'))
    assert not there.get(tmp_path / "b" / "x")
    assert content(tmp_path / "b") == {}
