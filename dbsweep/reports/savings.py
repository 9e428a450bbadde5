"""What is told of trials whose memory ran out, and that went on with less."""

from __future__ import annotations

from dbsweep.config.messages import counted
from dbsweep.plan.memory.ladder import Savings, savings_text
from dbsweep.records.run import RunRecord
from dbsweep.reports.words import listing

_SHOWN = 6


def savings_of(record: RunRecord, trial: str) -> Savings:
    """The settings that a trial had to change in the course of its training; empty where memory sufficed."""
    logs = [record.logs[each.id] for each in record.checkpoints_of(trial) if each.id in record.logs]
    return logs[-1].savings if logs else {}


def savings_sentences(record: RunRecord) -> tuple[str, ...]:
    """One sentence for each set of settings that trials had to change."""
    trials: dict[str, list[str]] = {}
    for trial in record.plan.trials:
        savings = savings_of(record, trial.id)
        if savings:
            trials.setdefault(savings_text(savings), []).append(trial.id)
    return tuple(f"{_names(names)} ran out of memory and went on with {changes}" for changes, names in trials.items())


def _names(trials: list[str]) -> str:
    left = len(trials) - _SHOWN
    return listing(trials) if left <= 0 else f"{', '.join(trials[:_SHOWN])} and {counted(left, 'more trial')}"
