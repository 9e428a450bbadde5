"""One synthetic run, drawn once for all tests of this room."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.records.run import RunRecord
from tests.reports.synthetic import Synthetic


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the synthetic run; read only."""
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="session")
def record(run_folder: Path) -> RunRecord:
    """Six trials on three branches: t001, t002 learn too little, t004 is chosen, t005, t006 overtrain."""
    return Synthetic(run_folder).record
