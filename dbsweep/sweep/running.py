"""Running an experiment file, or going on with a run: the ends of a run, where `conductor` is its middle."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from dbsweep.config.schema import Experiment
from dbsweep.errors import ChangedError, DbsweepError, DiskError, WorkerError
from dbsweep.execution.backend import Backend
from dbsweep.execution.driver_lock import driving
from dbsweep.execution.folder import RunFolder, check_free
from dbsweep.execution.jobs import CustomModel, sweep_job
from dbsweep.execution.ledger.ledger import Ledger
from dbsweep.execution.photo_digests import keep_digests, refuse_other_photos
from dbsweep.execution.ray.address import check_address
from dbsweep.models.durable import is_full
from dbsweep.plan.amounts import bytes_text
from dbsweep.records.names import BASE
from dbsweep.records.plan import Plan
from dbsweep.records.run import RunRecord
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.answers import interrupted_checkpoints, read_run
from dbsweep.sweep.conductor import Conductor
from dbsweep.sweep.housekeeping import Housekeeping
from dbsweep.sweep.kohya_training import named_model
from dbsweep.sweep.loading import counted_in_epochs, load
from dbsweep.sweep.named_models import base_source, custom_source, resolve_encoder
from dbsweep.sweep.notes import clip_skip_warnings, size_warnings, token_warnings
from dbsweep.sweep.photo_counts import count_photos, photo_sizes
from dbsweep.sweep.planning import planned
from dbsweep.sweep.preflight import check_inputs
from dbsweep.sweep.remainder import describe_rest
from dbsweep.sweep.report import write_report
from dbsweep.sweep.run_settings import read_experiment, refuse_other_settings
from dbsweep.sweep.storage import check_storage, refuse_new_name
from dbsweep.sweep.tracking import tracked

RESUMABLE = (DiskError, WorkerError, ChangedError)
"""What ends a sweep that goes on when the person has mended it."""

MakeBackend: TypeAlias = Callable[[RunFolder, Experiment], Backend]


def on_ray(address: str | None) -> MakeBackend:
    """Back ends on a Ray cluster, or on a Ray of this machine's own where the address is None.

    Raises:
        InputError, ResourceError: no cluster is there.
    """
    if address is not None:
        check_address(address)

    def make(folder: RunFolder, experiment: Experiment) -> Backend:
        from dbsweep.execution.ray.backend import RayBackend  # ray takes seconds to import: after the checks

        return RayBackend(folder, experiment.resources, address=address)

    return make


def run_file(
    file: Path,
    overrides: Sequence[str],
    *,
    name: str | None,
    address: str | None,
    view: TerminalView,
    alone: bool = False,
) -> RunFolder:
    """Runs an experiment file on Ray, from beginning to end.

    Args:
        file, overrides: the experiment.
        name: of the run, if not the file's.
        address: Ray cluster, or None for this machine.
        view: where the progress shows.
        alone: train every trial by itself; see `dbsweep.plan.plan.make_plan`.

    Raises:
        DbsweepError: an input is wrong; nothing has been written.
        KeyboardInterrupt: stopped by the person; the ledger says how far it came.
    """
    return run_experiment(load(file, overrides, name), on_ray(address), view, alone=alone)


def run_experiment(
    experiment: Experiment, make_backend: MakeBackend, view: TerminalView, *, alone: bool = False
) -> RunFolder:
    """Runs an experiment on a back end; see `run_file`."""
    check_free(experiment.output, experiment.name)
    experiment = counted_in_epochs(experiment)
    experiment, plan = planned(experiment, alone=alone)
    seen = check_inputs(experiment, plan, view.watch)
    plan = plan.model_copy(update={"notes": (*seen, *plan.notes)})
    check_storage(experiment)
    suits = (*token_warnings(experiment), *size_warnings(experiment), *clip_skip_warnings(experiment))
    for note in (*suits, *plan.notes):
        view.note(note)
    folder = RunFolder.create(experiment.output, experiment.name, experiment, plan)
    try:
        keep_digests(folder, experiment)
        with driving(folder), Ledger.create(folder.ledger, experiment.name, experiment, plan) as ledger:
            _lead(experiment, plan, folder, ledger, make_backend, view)
    except DbsweepError as error:
        if not isinstance(error, RESUMABLE) and not _has_checkpoints(folder):
            shutil.rmtree(folder.path)  # wrong input, found by the first worker: leave nothing half-written
        raise
    return folder


def _has_checkpoints(folder: RunFolder) -> bool:
    return folder.ledger.is_file() and bool(read_run(folder).checkpoints)


def resume_run(folder: RunFolder, make_backend: MakeBackend, view: TerminalView) -> RunFolder:
    """Goes on with a run that was interrupted; what is finished is not done again, be it all of it.

    Raises:
        RunError: another process leads the run, its settings or photos are others by now, or it has another name than
            in its storage.
    """
    with driving(folder), Ledger.open(folder.ledger) as ledger:
        record = ledger.read()
        if record.finished is not None:
            view.note(f"Nothing is left to do: run {record.name!r} is over")
            _tidy(folder, ledger, record, view)
            if not (folder.report / "index.html").is_file():  # it was killed between its end and its page
                write_report(folder)
            return folder
        refuse_new_name(folder)
        experiment = read_experiment(folder)
        refuse_other_settings(folder, experiment, record)
        refuse_other_photos(folder, experiment)
        check_inputs(experiment, record.plan, view.watch)
        view.note(describe_rest(record, interrupted_checkpoints(folder, record)))
        _lead(experiment, record.plan, folder, ledger, make_backend, view)
    return folder


def _tidy(folder: RunFolder, ledger: Ledger, record: RunRecord, view: TerminalView) -> None:
    """Frees what a kill between the end of a run and its housekeeping has left."""
    if BASE not in record.scorecards:  # nothing was trained
        return
    experiment = Experiment.model_validate(record.experiment)
    housekeeping = Housekeeping(folder.path, experiment, record.plan, ledger, record.scorecards[BASE])
    freed = housekeeping.conclude_again()
    if freed > 0:
        view.note(f"Freed {bytes_text(freed)}: training states and weights that a kill had left")
    if left := housekeeping.settle():
        view.note(left)


def _lead(
    experiment: Experiment,
    plan: Plan,
    folder: RunFolder,
    ledger: Ledger,
    make_backend: MakeBackend,
    view: TerminalView,
) -> None:
    job = sweep_job(
        folder.path,
        folder.cache,
        experiment,
        plan,
        count_photos(experiment),
        base=base_source(experiment),
        encoder=resolve_encoder(experiment.evaluate.encoder),
        photo_sizes=photo_sizes(experiment),
        customs={
            into: CustomModel(name=named_model(into)[0], source=custom_source(into))
            for into in experiment.custom_models
        },
    )
    backend = make_backend(folder, experiment)
    try:
        with tracked(experiment, folder, ledger, view):
            Conductor(ledger, plan, job, view).run(backend)
            write_report(folder)
    except (KeyboardInterrupt, *RESUMABLE):
        view.note(f"Interrupted. Everything so far is kept; go on with: dbsweep resume {folder.handle}")
        for checkpoint in interrupted_checkpoints(folder, ledger.read()):
            view.note(f"Weights as they stood: dbsweep export {folder.handle}@{checkpoint} --out FILE")
        raise
    except OSError as error:
        if is_full(error):
            raise DiskError(f"no disk space left ({error}): free some, then dbsweep resume {folder.handle}") from error
        raise
    finally:
        backend.close()
