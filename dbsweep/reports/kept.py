"""The checkpoint of a run to keep, for answers that are nothing without one."""

from __future__ import annotations

from dbsweep.errors import NoChoiceError, RunError
from dbsweep.records.choice import Candidate, Choice
from dbsweep.records.run import RunRecord


def chosen(record: RunRecord, handle: str | None = None) -> Choice:
    """What dbsweep recommends; `handle` is what a person types as RUN.

    Raises:
        RunError: there is none yet; NoChoiceError: there will be none.
    """
    if record.choice is None:
        run, ended = handle or record.name, record.finished is not None
        why = "it is over, and no checkpoint could be chosen"
        if not ended:  # the ledger cannot tell whether anybody still leads it
            why = f"it is not over; if it was interrupted, go on with `dbsweep resume {run}`"
        message = f"run {record.name!r} has no choice: {why}; see `dbsweep trials {run}`"
        raise NoChoiceError(message) if ended else RunError(message)
    return record.choice


def kept(record: RunRecord, handle: str | None = None) -> Candidate:
    """The checkpoint to keep: the person's choice, else dbsweep's; RunError if there is none."""
    return chosen(record, handle).best if record.overrule is None else record.overrule.candidate
