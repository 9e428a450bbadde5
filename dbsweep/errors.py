"""Every error that dbsweep raises on purpose; the command line turns each into one line and exit code 2, but for one.

DbsweepError
├── ConfigError        the experiment file or a `--set` override is wrong; carries every fault found
├── InputError         a photo, caption or folder that the experiment names cannot be used
├── ModelError         a base model, encoder or checkpoint cannot be loaded
├── RunError           a run folder: unknown name, name already taken, damaged ledger; a place that cannot be written
│   ├── NoChoiceError  it is over, and none of its checkpoints could be chosen; exit code 1
│   └── ChangedError   photos are others than the run began with; a sweep stops and can be resumed once they are back
├── ResourceError      not enough disk, memory, CPUs or GPUs for what was asked
│   ├── DiskError      no room for the next write; the sweep stops, keeps what it has, and can be resumed
│   └── WorkerError    workers died while they made what all trials need; likewise
└── TrialError         one trial cannot go on (NaN loss, a raising worker); the sweep goes on without it
    └── DivergedError  its loss or gradients are no longer numbers
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class DbsweepError(Exception):
    """Something that the user can mend; the message says what is wrong, the value received, and the fix."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of an experiment file.

    Attributes:
        path: where in the file, in YAML terms: ``search.learning_rate[1]``.
        message: what is wrong, the value received and what is allowed, in one line.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ConfigError(DbsweepError):
    """The experiment file is wrong; every fault is listed at once."""

    def __init__(self, source: str, faults: Sequence[Fault]) -> None:
        self.source = source
        self.faults = tuple(faults)
        if len(self.faults) == 1:
            super().__init__(f"{source}: {self.faults[0]}")
        else:
            super().__init__("\n  ".join((f"{source}: {len(self.faults)} faults", *map(str, self.faults))))


class InputError(DbsweepError):
    """A photo, caption or folder cannot be used."""


class ModelError(DbsweepError):
    """A base model, encoder or checkpoint cannot be loaded."""


class RunError(DbsweepError):
    """A run folder is missing, taken or damaged, or a place that was named cannot be written."""


class NoChoiceError(RunError):
    """A run is over, and none of its checkpoints could be chosen."""


class ChangedError(RunError):
    """Photos, captions or class images are others than the run began with; what has been made is kept."""


class ResourceError(DbsweepError):
    """Not enough disk, memory, CPUs or GPUs."""


class DiskError(ResourceError):
    """No room on a disk for the next write; what has been written is whole."""


class WorkerError(ResourceError):
    """Workers died, though tried again, while they made what all trials need; what has been made is kept."""


class TrialError(DbsweepError):
    """One trial cannot go on; the others do."""


class DivergedError(TrialError):
    """The loss or the gradients of a trial are no longer numbers."""
