"""The middle of a run on the simulated back end: what is told, judged and chosen, and what ends it."""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from dbsweep.config.loading import load_experiment
from dbsweep.config.schema import Experiment
from dbsweep.errors import ChangedError, DiskError, DivergedError, ModelError, RunError, TrialError
from dbsweep.execution.backend import OnEvent, OnProgress, Prepared
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, SweepJob
from dbsweep.execution.ledger.ledger import Ledger
from dbsweep.execution.simulated import UNTRAINED, SimulatedBackend
from dbsweep.records.events import AtWork, BranchEnded, BranchStarted, Event
from dbsweep.records.names import Metric, TrialState, VerdictState
from dbsweep.records.plan import Plan, Trial, TrialPath
from dbsweep.records.record import Scalar
from dbsweep.records.results import GridImage, GridModels, TokenMeaning
from dbsweep.records.run import RunRecord
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.conductor import Conductor
from dbsweep.sweep.running import resume_run, run_experiment
from tests.execution.ledgers import checkpoint
from tests.execution.sweeps import make_experiment, make_plan, make_sweep_job, step_log
from tests.sweep.files import write_experiment
from tests.sweep.on_paper import STEPS_PER_EPOCH, Interrupting, curve, interrupted, run

pytestmark = pytest.mark.usefixtures("any_base_model")


def test_a_run_ends_with_states_verdicts_and_a_choice_that_all_fit_the_curves(tmp_path):
    record, folder, _ = run(tmp_path, curve, "search.catch_up=1")  # the gentle one is behind at first
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


class _Without(SimulatedBackend):
    """A back end that trains, and then can read no checkpoint any more."""

    def draw_grids(self, job: SweepJob, models: Sequence[GridModels]) -> tuple[GridImage, ...]:
        raise ModelError("checkpoints/b01-000040 is damaged")


def lead(
    folder: Path,
    backend: SimulatedBackend,
    *,
    before: Sequence[Event] = (),
    **changes: object,
) -> tuple[RunRecord, str]:
    """The middle alone of a run of `make_plan`: no photos, no model, no report."""
    experiment, plan = make_experiment(**changes), make_plan()
    (folder / "run").mkdir()
    out = io.StringIO()
    with Ledger.create(folder / "ledger.db", "demo", experiment, plan) as ledger:
        for event in before:
            ledger.record(event)
        view = TerminalView(Console(file=out, width=200))
        Conductor(ledger, plan, make_sweep_job(folder / "run", experiment), view).run(backend)
        return ledger.read(), out.getvalue()


def test_a_race_and_grids_that_cannot_be_drawn_are_said_and_the_choice_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_off(*_: object) -> None:
        raise ModelError(damaged)

    damaged = "checkpoints/b01-000040 is damaged"
    monkeypatch.setattr("dbsweep.sweep.conductor.race", broken_off)
    grids = [{"prompt": "photo of ohwx man", "x": {"axis": "seed", "values": [1]}}]
    record, shown = lead(tmp_path, _Without(lambda *_: UNTRAINED), grids=grids)
    assert f"The race of the best checkpoints was broken off: {damaged}" in shown
    assert f"The grids could not be drawn: {damaged}" in shown
    assert record.choice is not None
    assert record.finished is not None
    assert (record.grids, record.further) == ((), {})


def test_without_a_choice_no_grid_is_asked_for(tmp_path: Path) -> None:
    def failing(settings: Mapping[str, Scalar], step: int) -> Mapping[Metric, float]:
        raise TrialError("the loss is NaN")

    grids = [{"prompt": "photo of ohwx man", "x": {"axis": "seed", "values": [1]}}]
    record, shown = lead(tmp_path, _Without(failing), grids=grids)
    assert (record.choice, record.finished is not None) == (None, True)
    assert "grids" not in shown


def test_what_the_base_model_makes_of_a_token_is_said_before_anything_is_trained(tmp_path: Path) -> None:
    told = {"token": "zwx", "pieces": ("zwx",), "prompt": "photo of zwx man", "base_prompt": "photo of man"}
    meaning = TokenMeaning(**told, images=8, effect=0.0, known=False)

    class _Asked(SimulatedBackend):
        def prepare(self, job: SweepJob, on_progress: OnProgress) -> Prepared:
            prepared = super().prepare(job, on_progress)
            return prepared.model_copy(update={"base": prepared.base.model_copy(update={"tokens": (meaning,)})})

    _, shown = lead(tmp_path, _Asked(lambda *_: UNTRAINED))
    assert shown.index("'zwx' means nothing to the base model yet") < shown.index("starting to train")


def test_of_a_branch_that_was_over_only_what_is_new_is_told(tmp_path: Path) -> None:
    """Workers report all that they find; one that begins again says why."""
    over = BranchEnded(branch="b01", state=TrialState.COMPLETED, last_step=40)
    began = BranchStarted(branch="b01", host="here", pid=1)
    log = step_log(10)
    told_before, new = (checkpoint(step).model_copy(update={"log": log}) for step in (10, 30))
    events: list[Event] = [began, told_before, new, over]

    class _Retelling(SimulatedBackend):
        def run(self, jobs: Sequence[BranchJob], on_event: OnEvent) -> None:
            again = began.model_copy(update={"after": "begins again, its worker died"})
            other = new.model_copy(update={"log": step_log(10, loss=0.25)})
            for event in (began, told_before, over, again, other):
                on_event(event)

    _, shown = lead(tmp_path, _Retelling(lambda *_: UNTRAINED), before=events)
    told = [line.partition(",")[0] for line in shown.splitlines() if line.startswith("b01")]
    assert told == ["b01: begins again", "b01: epoch 3"]


def test_points_that_a_searcher_proposes_are_said_and_only_their_branches_are_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, rounds = make_plan(), []
    root = first.branches[0].model_copy(update={"id": "b04", "trials": ("t005",)})
    grown = first.model_copy(
        update={
            "branches": (*first.branches, root),
            "trials": (*first.trials, Trial(id="t005", settings=root.settings)),
            "paths": (*first.paths, TrialPath(trial="t005", segments=(("b04", 40),), end_step=40)),
        }
    )

    class _Counting(SimulatedBackend):
        def run(self, jobs: Sequence[BranchJob], on_event: OnEvent) -> None:
            rounds.append([job.branch.id for job in jobs])
            super().run(jobs, on_event)

    def propose(experiment: Experiment, record: RunRecord) -> Plan | None:
        return None if len(record.plan.trials) == len(grown.trials) else grown

    monkeypatch.setattr("dbsweep.sweep.conductor.next_round", propose)
    monkeypatch.setattr("dbsweep.sweep.conductor.count_photos", lambda experiment: [5])
    search = {"learning_rate": {"loguniform": [1e-6, 1e-2]}, "searcher": "optuna", "scheduler": "none"}
    record, shown = lead(tmp_path, _Counting(lambda *_: UNTRAINED), search=search)
    assert rounds == [["b01", "b02", "b03"], ["b04"]]
    assert "optuna proposes 1 more trial" in shown
    assert record.plan == Plan.model_validate_json((tmp_path / "run" / "plan.json").read_text()) == grown
    assert set(record.states.values()) == {TrialState.COMPLETED}


def test_what_branches_are_at_is_shown_and_changes_nothing(tmp_path):
    class Talking(SimulatedBackend):
        def run(self, jobs: Sequence[BranchJob], on_event: OnEvent) -> None:
            def talking(event: Event) -> None:
                on_event(event)
                if isinstance(event, BranchStarted):
                    on_event(AtWork(branch=event.branch, step=1, per_s=0.5))

            super().run(jobs, talking)

    def told(folder: Path, backend: type[SimulatedBackend]) -> tuple[RunRecord, str]:
        folder.mkdir()
        out = io.StringIO()
        view = TerminalView(Console(file=out, width=200), itertools.count(0, 1000).__next__)
        experiment = load_experiment(write_experiment(folder))
        return read_run(run_experiment(experiment, lambda *_: backend(curve), view)), out.getvalue()

    record, text = told(tmp_path / "talking", Talking)
    plain, _ = told(tmp_path / "plain", SimulatedBackend)
    assert "b01: step 1 of " in text
    assert (record.branch_states, record.states, record.logs) == (plain.branch_states, plain.states, plain.logs)
    assert record.choice == plain.choice
