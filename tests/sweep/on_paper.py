"""Whole runs on the simulated back end, and what interrupts them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from dbsweep.config.loading import load_experiment
from dbsweep.execution.backend import OnEvent
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob
from dbsweep.execution.simulated import Curve, SimulatedBackend
from dbsweep.records.events import CheckpointScored, Event
from dbsweep.records.names import Metric
from dbsweep.records.record import Scalar
from dbsweep.records.run import RunRecord
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.running import run_experiment
from tests.sweep.files import write_experiment

STEPS_PER_EPOCH = 3


def curve(settings: Mapping[str, Scalar], step: int) -> dict[Metric, float]:
    """The gentle rate learns slowly and keeps its style; the hard one learns at once and loses it from epoch 4 on."""
    epoch = step / STEPS_PER_EPOCH
    hard = float(settings["learning_rate"]) > 5e-4
    identity = min(0.9, epoch * (0.45 if hard else 0.1))
    style = max(0.1, 1.0 - 0.6 * max(0.0, epoch - 3)) if hard else 0.98
    return dict.fromkeys(Metric, 1.0) | {Metric.IDENTITY: identity, Metric.STYLE: style, Metric.PRIOR: 0.95}


def run(folder: Path, curve: Curve, *overrides: str) -> tuple[RunRecord, RunFolder, str]:
    """Runs four trials on paper; returns the ledger's record, the run's folder and what the terminal showed."""
    out = io.StringIO()
    view = TerminalView(Console(file=out, width=200))
    experiment = load_experiment(write_experiment(folder), overrides)
    made = run_experiment(experiment, lambda *_: SimulatedBackend(curve), view)
    return read_run(made), made, out.getvalue()


class Interrupting(SimulatedBackend):
    """A back end whose person presses Ctrl-C at the third checkpoint."""

    def run(self, jobs: Sequence[BranchJob], on_event: OnEvent) -> None:
        seen = 0

        def pressing(event: Event) -> None:
            nonlocal seen
            seen += isinstance(event, CheckpointScored)
            if seen == 3:
                seen += 1
                raise KeyboardInterrupt
            on_event(event)

        super().run(jobs, pressing)


def interrupted(tmp_path: Path, view: TerminalView) -> RunFolder:
    experiment = load_experiment(write_experiment(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        run_experiment(experiment, lambda *_: Interrupting(curve), view)
    return RunFolder.open(experiment.output, "demo")
