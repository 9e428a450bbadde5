"""The person overrules the choice of a finished run."""

from __future__ import annotations

import time
from pathlib import Path

from dbsweep.config.messages import did_you_mean
from dbsweep.errors import RunError
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.ledger.ledger import Ledger
from dbsweep.records.choice import Candidate, Overrule
from dbsweep.records.run import RunRecord
from dbsweep.sweep.answers import refuse_lost
from dbsweep.sweep.report import write_report


def overrule(folder: RunFolder, checkpoint: str, because: str) -> tuple[Overrule, Path]:
    """Keep the person's checkpoint beside dbsweep's recommendation, and write the report again.

    Args:
        checkpoint: id of a scored checkpoint of the run.
        because: the person's reason.

    Returns:
        What the ledger keeps, and the report's page.

    Raises:
        RunError: the run is not over (its driver alone may write the ledger), there is no such checkpoint, it has no
            scores, its files are gone, or there is no reason.
    """
    if not because.strip():
        raise RunError("--because must say why, got nothing: in a month you will want to know")
    with Ledger.open(folder.ledger) as ledger:
        record = ledger.read()
        if record.finished is None:
            raise RunError(
                f"run {record.name!r} is not over, and only it may write its ledger now: choose when it has ended; "
                f"if it was interrupted, go on with: dbsweep resume {folder.handle}"
            )
        candidate = _candidate(record, checkpoint)
        if record.experiment["storage"] is None:  # what lies in a storage is fetched when it is exported
            refuse_lost(folder, record.checkpoints[checkpoint])
        made = Overrule(candidate=candidate, because=because.strip(), time=time.time())
        ledger.set_overrule(made)
    return made, write_report(folder)


def _candidate(record: RunRecord, checkpoint: str) -> Candidate:
    candidates = {row.checkpoint: row for row in record.choice.candidates} if record.choice is not None else {}
    if checkpoint in candidates:
        return candidates[checkpoint]
    if checkpoint in record.checkpoints and not record.checkpoints[checkpoint].kept:
        raise RunError(f"the weights of {checkpoint!r} were dropped (checkpoints.keep): take one of `dbsweep best`")
    if checkpoint in record.checkpoints:
        raise RunError(f"checkpoint {checkpoint!r} has no scores, so it cannot be chosen; see `dbsweep best` for those")
    if not candidates:
        raise RunError(f"run {record.name!r} has no scored checkpoint to choose; see `dbsweep trials {record.name}`")
    meant = did_you_mean(checkpoint, candidates, most=3)
    raise RunError(f"run {record.name!r} has no checkpoint {checkpoint!r}; {meant}")
