"""The ends of a run on the simulated back end: what is refused, who may lead it, how it is resumed."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence

import pytest
from rich.console import Console

from dbsweep.config.loading import load_experiment
from dbsweep.errors import DiskError, ModelError, RunError, WorkerError
from dbsweep.execution.backend import OnEvent, OnProgress, Prepared
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, SweepJob
from dbsweep.execution.simulated import SimulatedBackend
from dbsweep.records.names import TrialState
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.loading import load
from dbsweep.sweep.running import resume_run, run_experiment
from tests.sweep.files import write_experiment
from tests.sweep.on_paper import Interrupting, curve, interrupted, run

pytestmark = pytest.mark.usefixtures("any_base_model")


def test_a_name_that_is_taken_is_refused_before_anything_is_written(tmp_path):
    run(tmp_path / "a", curve)
    file = tmp_path / "a" / "demo.yaml"
    before = sorted(p for p in tmp_path.rglob("*"))
    with pytest.raises(RunError, match=r"run 'demo' exists already"):
        run_experiment(
            load_experiment(file), lambda *_: SimulatedBackend(curve), TerminalView(Console(file=io.StringIO()))
        )
    assert sorted(p for p in tmp_path.rglob("*")) == before


class _BadBase(SimulatedBackend):
    """A back end whose workers cannot load the base model."""

    def prepare(self, job: SweepJob, on_progress: OnProgress) -> Prepared:
        raise ModelError("base model x: its unet lacks 3 weights")


def test_input_that_the_workers_refuse_leaves_nothing_half_written(tmp_path):
    file = write_experiment(tmp_path)
    with pytest.raises(ModelError, match="lacks 3 weights"):
        run_experiment(load_experiment(file), lambda *_: _BadBase(curve), TerminalView(Console(file=io.StringIO())))
    assert not (tmp_path / "runs" / "demo").exists()


def test_workers_that_die_leave_a_run_that_can_be_resumed(tmp_path):
    class _Dying(SimulatedBackend):
        def prepare(self, job: SweepJob, on_progress: OnProgress) -> Prepared:
            raise WorkerError("a worker died, 3 times in a row, of what others need")

    experiment = load_experiment(write_experiment(tmp_path))
    view = TerminalView(Console(file=(out := io.StringIO()), width=200))
    with pytest.raises(WorkerError, match="3 times in a row"):
        run_experiment(experiment, lambda *_: _Dying(curve), view)
    assert "dbsweep resume" in out.getvalue()
    folder = resume_run(RunFolder.open(experiment.output, "demo"), lambda *_: SimulatedBackend(curve), view)
    assert read_run(folder).choice is not None


def test_a_disk_that_cannot_lock_leaves_nothing_half_written(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(RunError, match="cannot be locked"):
        run_experiment(
            load_experiment(write_experiment(tmp_path)),
            lambda *_: SimulatedBackend(curve),
            TerminalView(Console(file=io.StringIO())),
        )
    assert not (tmp_path / "runs" / "demo").exists()


def test_ctrl_c_keeps_what_is_done_and_resume_ends_as_if_nothing_had_happened(tmp_path):
    undisturbed, _, _ = run(tmp_path / "a", curve)
    out = io.StringIO()
    view = TerminalView(Console(file=out, width=200))
    experiment = load_experiment(write_experiment(tmp_path / "b"))
    with pytest.raises(KeyboardInterrupt):
        run_experiment(experiment, lambda *_: Interrupting(curve), view)
    folder = RunFolder.open(experiment.output, "demo")
    interrupted = read_run(folder)
    assert f"go on with: dbsweep resume {folder.path}" in "".join(out.getvalue().split("\n"))
    assert TrialState.INTERRUPTED in interrupted.states.values()
    assert len(interrupted.checkpoints) == 2

    resume_run(folder, lambda *_: SimulatedBackend(curve), view)
    resumed = read_run(folder)
    assert resumed.states == undisturbed.states
    assert resumed.verdicts == undisturbed.verdicts
    assert resumed.choice == undisturbed.choice


def test_a_run_that_is_over_is_left_as_it_is_but_for_a_page_that_is_missing(tmp_path):
    record, folder, _ = run(tmp_path, curve)
    before = folder.ledger.read_bytes()
    (folder.report / "index.html").unlink()
    view = TerminalView(Console(file=(out := io.StringIO()), width=200))

    def no_backend(*_):
        raise AssertionError("nothing is left to train")

    assert resume_run(folder, no_backend, view) == folder
    assert "Nothing is left to do: run 'demo' is over" in out.getvalue()
    assert (folder.report / "index.html").is_file()
    assert (read_run(folder), folder.ledger.read_bytes()) == (record, before)


@pytest.mark.parametrize("manifest", ["", "[]", "{}"])
def test_a_manifest_that_cannot_be_read_is_no_checkpoint(tmp_path, manifest):
    view = TerminalView(Console(file=io.StringIO()))
    folder = interrupted(tmp_path, view)
    saved = folder.interrupted(read_run(folder).plan.branches[0].id)
    saved.mkdir(parents=True)
    (saved / "manifest.json").write_text(manifest)
    resume_run(folder, lambda *_: SimulatedBackend(curve), view)
    assert read_run(folder).choice is not None


def test_a_run_does_not_go_on_with_other_photos(tmp_path):
    view = TerminalView(Console(file=io.StringIO()))
    folder = interrupted(tmp_path, view)
    photos = tmp_path / "photos"
    (photos / "1.png").rename(photos / "new.png")
    told = r"new: concepts\[0\]\.instance_images/new\.png; gone: concepts\[0\]\.instance_images/1\.png\): make them"
    with pytest.raises(RunError, match=told):
        resume_run(folder, lambda *_: pytest.fail("trained"), view)
    (photos / "new.png").rename(photos / "1.png")
    resume_run(folder, lambda *_: SimulatedBackend(curve), view)
    assert read_run(folder).choice is not None


def test_a_run_has_one_driver_at_a_time(tmp_path):
    refused: list[str] = []

    class _Nosy(SimulatedBackend):
        """Tries to lead the run that it is led by."""

        def run(self, jobs: Sequence[BranchJob], on_event: OnEvent) -> None:
            folder = RunFolder(jobs[0].sweep.run_folder)
            with pytest.raises(RunError) as error:
                resume_run(folder, lambda *_: pytest.fail("two drivers"), TerminalView(Console(file=io.StringIO())))
            refused.append(str(error.value))
            super().run(jobs, on_event)

    view = TerminalView(Console(file=io.StringIO()))
    record = read_run(run_experiment(load_experiment(write_experiment(tmp_path)), lambda *_: _Nosy(curve), view))
    assert record.choice is not None
    assert f"run 'demo' is led by process {os.getpid()} on " in refused[0]


def test_a_disk_that_is_full_from_the_start_leaves_a_run_that_can_be_resumed(tmp_path):
    class _Full(SimulatedBackend):
        def prepare(self, job: SweepJob, on_progress: OnProgress) -> Prepared:
            raise DiskError("no disk space left to write class images")

    experiment = load_experiment(write_experiment(tmp_path))
    view = TerminalView(Console(file=io.StringIO()))
    with pytest.raises(DiskError, match="class images"):
        run_experiment(experiment, lambda *_: _Full(curve), view)
    folder = resume_run(RunFolder.open(experiment.output, "demo"), lambda *_: SimulatedBackend(curve), view)
    assert read_run(folder).choice is not None


def test_lengths_in_steps_are_planned_in_epochs(tmp_path):
    """Three photos: 11 steps are four epochs, and 4 steps between checkpoints are two."""
    file = write_experiment(tmp_path)
    text = file.read_text().replace("epochs: [4, 8]", "steps: [11, 24]").replace("every_epochs: 2", "every_steps: 4")
    text = text.replace("search:", "search:\n  scheduler: none")
    file.write_text(text)
    view = TerminalView(Console(file=io.StringIO()))
    folder = run_experiment(load_experiment(file), lambda *_: SimulatedBackend(curve), view)
    record = read_run(folder)
    assert {trial.settings["epochs"] for trial in record.plan.trials} == {4, 8}
    assert {checkpoint.epoch for checkpoint in record.checkpoints.values()} == {2, 4, 6, 8}
    again = load_experiment(folder.experiment)
    assert again.evaluate.every_epochs == 2
    assert load(file).search == again.search
