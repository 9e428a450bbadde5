"""Tests of whole runs on the simulated back end: plan, events, verdicts, choice, ledger, report."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence

import pytest
from rich.console import Console

from dbsweep.config.loading import load_experiment
from dbsweep.errors import (
    ChangedError,
    DiskError,
    DivergedError,
    ModelError,
    RunError,
    TrialError,
    WorkerError,
)
from dbsweep.execution.backend import OnEvent, OnProgress, Prepared
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, SweepJob
from dbsweep.execution.simulated import SimulatedBackend
from dbsweep.records.names import Metric, TrialState, VerdictState
from dbsweep.records.record import Scalar
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.loading import load
from dbsweep.sweep.running import resume_run, run_experiment
from tests.sweep.files import write_experiment
from tests.sweep.on_paper import STEPS_PER_EPOCH, Interrupting, curve, interrupted, run

pytestmark = pytest.mark.usefixtures("any_base_model")


def test_a_run_ends_with_states_verdicts_and_a_choice_that_all_fit_the_curves(tmp_path):
    record, folder, _ = run(tmp_path, curve)
    trials = {(t.settings["learning_rate"], t.settings["epochs"]): t.id for t in record.plan.trials}
    assert record.finished is not None
    assert record.verdicts[trials[1e-4, 4]].state is VerdictState.UNDERTRAINED
    assert record.verdicts[trials[1e-4, 8]].state is VerdictState.READY  # identity 0.8, style kept
    assert record.verdicts[trials[1e-3, 8]].state is VerdictState.OVERTRAINED
    assert record.choice is not None
    # Harmonic means of (identity, style, prior): gentle at epoch 8 (0.8, 0.98, 0.95) = 0.90;
    # hard at epoch 2 (0.9, 1, 0.95) = 0.948: enough identity, nothing lost yet.
    assert record.choice.best.trial == trials[1e-3, 4]
    assert record.choice.best.epoch == 2
    assert (folder.path / "report" / "index.html").stat().st_size > 1000


def test_an_overtrained_trial_is_stopped_and_its_later_steps_are_not_trained(tmp_path):
    record, _, _ = run(tmp_path, curve)
    hard = next(t.id for t in record.plan.trials if t.settings["learning_rate"] == 1e-3 and t.settings["epochs"] == 8)
    assert record.states[hard] is TrialState.STOPPED
    assert max(c.epoch for c in record.checkpoints_of(hard)) < 8


def test_the_files_thresholds_decide_what_is_overtrained(tmp_path):
    """The hard rate loses 0.9 of style at most: no fall as far as a threshold of 0.95 goes."""
    experiment = load_experiment(write_experiment(tmp_path), ["verdict.drop=0.95", "search.scheduler=none"])
    view = TerminalView(Console(file=io.StringIO()))
    record = read_run(run_experiment(experiment, lambda *_: SimulatedBackend(curve), view))
    assert set(record.states.values()) == {TrialState.COMPLETED}
    assert VerdictState.OVERTRAINED not in {verdict.state for verdict in record.verdicts.values()}


def test_what_cannot_be_measured_is_said_at_once_and_has_no_say(tmp_path):
    base = dict.fromkeys(Metric, 1.0) | {Metric.IDENTITY: 0.0, Metric.STYLE: float("nan")}
    view = TerminalView(Console(file=(out := io.StringIO()), width=200))

    def styleless(settings: Mapping[str, Scalar], step: int) -> dict[Metric, float]:
        return curve(settings, step) | {Metric.STYLE: float("nan")}

    experiment = load_experiment(write_experiment(tmp_path))
    record = read_run(run_experiment(experiment, lambda *_: SimulatedBackend(styleless, base=base), view))
    assert "style cannot be measured: the base model does not draw this style" in out.getvalue()
    assert record.choice is not None
    # The hard rate's best is identity 0.9 and prior 0.95: 2 / (1/.9 + 1/.95) = 0.924.
    assert round(record.choice.best.utility, 3) == 0.924
    assert "style could not be measured and had no say" in record.choice.reason


def test_a_trial_that_fails_leaves_the_others_and_the_choice(tmp_path):
    def failing(settings: Mapping[str, Scalar], step: int) -> Mapping[Metric, float]:
        if float(settings["learning_rate"]) > 5e-4:
            raise TrialError("the loss is NaN at step 3: lower train.learning_rate")
        return curve(settings, step)

    record, _, shown = run(tmp_path, failing)
    assert sorted(str(s) for s in record.states.values()) == ["completed", "completed", "failed", "failed"]
    assert record.choice is not None
    assert "the loss is NaN" in next(iter(record.failures.values()))
    assert "the loss is NaN at step 3" in shown


def test_when_every_trial_fails_there_is_no_choice_but_a_ledger_and_a_report(tmp_path):
    def failing(settings: Mapping[str, Scalar], step: int) -> Mapping[Metric, float]:
        raise TrialError("the loss is NaN")

    record, folder, _ = run(tmp_path, failing)
    assert record.choice is None
    assert set(record.states.values()) == {TrialState.FAILED}
    assert (folder.path / "report" / "index.html").exists()


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


def test_the_wait_for_the_first_worker_has_a_name(tmp_path):
    _, _, told = run(tmp_path, curve)
    lines = told.splitlines()
    first = next(number for number, line in enumerate(lines) if ": started on " in line)
    assert lines[first - 1] == "starting to train …"


def test_the_wait_before_anything_is_drawn_has_a_name(tmp_path):
    out = io.StringIO()
    seen: list[str] = []

    class _Late(SimulatedBackend):
        def prepare(self, job: SweepJob, on_progress: OnProgress) -> Prepared:
            seen.append(out.getvalue())
            return super().prepare(job, on_progress)

    view = TerminalView(Console(file=out, width=200))
    run_experiment(load_experiment(write_experiment(tmp_path)), lambda *_: _Late(curve), view)
    assert seen[0].splitlines()[-1] == "starting the workers …"


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


def test_resuming_tells_what_is_done_as_skipped_and_not_a_second_time(tmp_path):
    experiment = load_experiment(write_experiment(tmp_path))
    view = TerminalView(Console(file=(first := io.StringIO()), width=200))
    with pytest.raises(KeyboardInterrupt):
        run_experiment(experiment, lambda *_: Interrupting(curve), view)
    view = TerminalView(Console(file=(second := io.StringIO()), width=200))
    resume_run(RunFolder.open(experiment.output, "demo"), lambda *_: SimulatedBackend(curve), view)
    told = [[line for line in out.getvalue().splitlines() if ", loss " in line] for out in (first, second)]
    assert [len(lines) for lines in told] == [2, len(read_run(RunFolder.open(experiment.output, "demo")).logs) - 2]
    assert not set(told[0]) & set(told[1])


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


class _OtherBase(SimulatedBackend):
    """The base model's file has been replaced."""

    def prepare(self, job: SweepJob, on_progress: OnProgress) -> Prepared:
        return super().prepare(job, on_progress).model_copy(update={"base_sha256": "0" * 64})


def test_a_run_does_not_go_on_with_another_base_model(tmp_path):
    view = TerminalView(Console(file=io.StringIO()))
    folder = interrupted(tmp_path, view)
    before = read_run(folder)
    with pytest.raises(RunError, match=r"base_model .* is another than this run began with"):
        resume_run(folder, lambda *_: _OtherBase(curve), view)
    after = read_run(folder)
    assert (after.base_sha256, after.scorecards) == (before.base_sha256, before.scorecards)
    resume_run(folder, lambda *_: SimulatedBackend(curve), view)
    assert read_run(folder).choice is not None


def test_workers_are_told_the_base_model_that_a_run_began_with(tmp_path):
    told = []

    class Told(SimulatedBackend):
        def prepare(self, job: SweepJob, on_progress: OnProgress) -> Prepared:
            told.append(job.began_with)
            return super().prepare(job, on_progress)

    class Interrupted(Told, Interrupting):
        """The first of the two."""

    view = TerminalView(Console(file=io.StringIO()))
    experiment = load_experiment(write_experiment(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        run_experiment(experiment, lambda *_: Interrupted(curve), view)
    folder = RunFolder.open(experiment.output, "demo")
    resume_run(folder, lambda *_: Told(curve), view)
    assert told == [None, read_run(folder).base_sha256]


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


@pytest.mark.parametrize("error", [DiskError, ChangedError])
def test_what_would_end_all_branches_stops_the_sweep_and_resume_ends_as_if_nothing_had_happened(tmp_path, error):
    patient = ("search.scheduler=none", "evaluate.patience=1")  # else what is hopeless would have ended before
    undisturbed, _, _ = run(tmp_path / "a", curve, *patient)
    out = io.StringIO()
    view = TerminalView(Console(file=out, width=200))
    experiment = load_experiment(write_experiment(tmp_path / "b"), patient)

    def filling(settings: Mapping[str, Scalar], step: int) -> Mapping[Metric, float]:
        if step > 4 * STEPS_PER_EPOCH:
            raise error("so that no branch can go on")
        return curve(settings, step)

    with pytest.raises(error, match="so that no branch can go on"):
        run_experiment(experiment, lambda *_: SimulatedBackend(filling), view)
    folder = RunFolder.open(experiment.output, "demo")
    stopped = read_run(folder)
    assert stopped.checkpoints
    assert set(stopped.states.values()) == {TrialState.INTERRUPTED}
    assert f"go on with: dbsweep resume {folder.path}" in "".join(out.getvalue().split("\n"))

    resume_run(folder, lambda *_: SimulatedBackend(curve), view)
    resumed = read_run(folder)
    assert (resumed.states, resumed.verdicts, resumed.choice) == (
        undisturbed.states,
        undisturbed.verdicts,
        undisturbed.choice,
    )


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


def test_a_trial_that_diverges_is_failed_with_a_collapsed_verdict(tmp_path):
    def diverging(settings: Mapping[str, Scalar], step: int) -> Mapping[Metric, float]:
        if float(settings["learning_rate"]) > 5e-4:
            raise DivergedError("the loss is not finite at step 3 (loss nan)")
        return curve(settings, step)

    record, _, _ = run(tmp_path, diverging)
    hard = [t.id for t in record.plan.trials if t.settings["learning_rate"] == 1e-3]
    assert {record.states[trial] for trial in hard} == {TrialState.FAILED}
    assert {record.verdicts[trial].state for trial in hard} == {VerdictState.COLLAPSED}
    assert "the loss is not finite" in record.verdicts[hard[0]].evidence
    assert record.choice is not None


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
