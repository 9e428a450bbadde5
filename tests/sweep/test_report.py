"""The page of a run is made of its ledger alone, as often as one likes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dbsweep.errors import RunError
from dbsweep.execution.folder import RunFolder
from dbsweep.sweep.report import write_report
from tests.sweep.on_paper import curve, run

pytestmark = pytest.mark.usefixtures("any_base_model")


def test_a_page_that_is_lost_is_made_again_from_the_ledger(tmp_path: Path) -> None:
    record, folder, _ = run(tmp_path, curve)
    assert record.choice is not None
    shutil.rmtree(folder.report)
    before = folder.ledger.read_bytes()
    page = write_report(folder)
    assert page == folder.report / "index.html"
    assert record.choice.best.checkpoint in page.read_text(encoding="utf-8")
    assert folder.ledger.read_bytes() == before
    first = page.read_bytes()
    assert write_report(folder).read_bytes() == first


def test_without_a_ledger_there_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="does not exist"):
        write_report(RunFolder(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()
