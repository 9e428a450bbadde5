"""Running an experiment file: the ends of a run, where `conductor` is its middle."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from dbsweep.config.schema import Experiment
from dbsweep.errors import DbsweepError
from dbsweep.execution.backend import Backend
from dbsweep.execution.folder import RunFolder, check_free
from dbsweep.execution.jobs import sweep_job
from dbsweep.execution.ledger import Ledger
from dbsweep.records import Plan
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.conductor import Conductor
from dbsweep.sweep.preflight import (
    check_inputs,
    count_photos,
    load,
    make_plan,
    resolve_base,
    resolve_encoder,
)
from dbsweep.sweep.report import write_report
from dbsweep.sweep.tracking import BackgroundTracking

MakeBackend: TypeAlias = Callable[[RunFolder, Experiment], Backend]


def run_file(
    file: Path, overrides: Sequence[str], *, name: str | None, address: str | None, view: TerminalView
) -> RunFolder:
    """Runs an experiment file on Ray, from beginning to end.

    Args:
        file, overrides: the experiment.
        name: of the run, if not the file's.
        address: Ray cluster, or None for this machine.
        view: where the progress shows.

    Raises:
        DbsweepError: an input is wrong; nothing has been written.
        KeyboardInterrupt: stopped by the person; the ledger says how far it came.
    """

    def on_ray(folder: RunFolder, experiment: Experiment) -> Backend:
        from dbsweep.execution.ray_backend import RayBackend  # ray takes seconds to import: after the checks

        return RayBackend(folder, experiment.resources, address=address)

    return run_experiment(load(file, overrides, name), on_ray, view)


def run_experiment(experiment: Experiment, make_backend: MakeBackend, view: TerminalView) -> RunFolder:
    """Runs an experiment on a back end; see `run_file`."""
    check_free(experiment.output, experiment.name)
    plan = make_plan(experiment)
    check_inputs(experiment, plan)
    for note in plan.notes:
        view.note(note)
    folder = RunFolder.create(experiment.output, experiment.name, experiment, plan)
    with Ledger.create(folder.ledger, experiment.name, experiment, plan) as ledger:
        try:
            _run(experiment, plan, folder, ledger, make_backend(folder, experiment), view)
        except DbsweepError:
            if not ledger.read().checkpoints:  # wrong input, found by the first worker: leave nothing half-written
                shutil.rmtree(folder.path)
            raise
    return folder


def _run(
    experiment: Experiment, plan: Plan, folder: RunFolder, ledger: Ledger, backend: Backend, view: TerminalView
) -> None:
    job = sweep_job(
        folder.path,
        folder.cache,
        experiment,
        plan,
        count_photos(experiment),
        base=resolve_base(experiment.base_model),
        encoder=resolve_encoder(experiment.evaluate.encoder),
    )
    tracking = BackgroundTracking(experiment, folder, ledger)
    try:
        Conductor(folder, ledger, plan, job, view, tracking.notice).run(backend)
        write_report(folder)
    finally:
        backend.close()
        for line in tracking.close():
            view.note(line)
