"""The report page of a run, from its ledger."""

from __future__ import annotations

from pathlib import Path

from dbsweep.execution.folder import RunFolder
from dbsweep.execution.ledger.ledger import Ledger
from dbsweep.reports.data import report_data
from dbsweep.reports.page import render_report


def write_report(folder: RunFolder) -> Path:
    """Writes ``report/index.html`` anew and returns its path."""
    with Ledger.open(folder.ledger, read_only=True) as ledger:
        record = ledger.read()
    return render_report(report_data(record, folder.path, folder.handle), folder.report)
