"""The work of one worker: one branch, from its fork to its end, checkpoint by checkpoint."""

from __future__ import annotations

import os
import shutil
import socket
import time
from typing import NoReturn

from dbsweep.config.search import SchedulerName
from dbsweep.errors import DbsweepError, DiskError, ResourceError
from dbsweep.execution import loaded
from dbsweep.execution.backend import Decision, Emit
from dbsweep.execution.branch.checkpoints import keep_milestone, save_between
from dbsweep.execution.branch.history import History, stopped_file, write_event
from dbsweep.execution.branch.pace import Pace
from dbsweep.execution.branch.retention import ResumeStates
from dbsweep.execution.branch.thrift import Thrift, half_of
from dbsweep.execution.branch.trainer import make_trainer
from dbsweep.execution.drawing.closer_look import first_look
from dbsweep.execution.ending import ended_by
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob
from dbsweep.execution.scheduling.judgement import Judgement
from dbsweep.execution.stall import StallWatch, traces_file
from dbsweep.models.checkpoints import read_state
from dbsweep.models.device_memory import is_out_of_memory, release_memory, trim_memory
from dbsweep.models.durable import is_full, remove_leftovers
from dbsweep.records.events import BranchEnded, BranchStarted, CheckpointScored
from dbsweep.records.names import TrialState
from dbsweep.records.plan import Milestone
from dbsweep.records.results import Checkpoint, Scorecard
from dbsweep.training.trainer import Trainer

STOP_CHECK_INTERVAL_S = 1.0
"""How often a worker looks whether it has been asked to stop."""


class _Stopped(Exception):
    """The sweep was asked to stop."""


def run_branch(job: BranchJob, emit: Emit) -> None:
    """Trains one branch and reports what happens; what only this branch suffers from ends it as failed.

    What an earlier attempt at the same branch has finished is reported again, not done again.
    """
    branch = job.branch.id
    emit(BranchStarted(branch=branch, host=socket.gethostname(), pid=os.getpid()))
    timeout_s = job.sweep.experiment.resources.stall_timeout_s
    with StallWatch(timeout_s, traces_file(RunFolder(job.sweep.run_folder), branch)) as watch:
        end = _run_to_an_end(job, emit, watch)
    trim_memory()  # before the end is told: Tune ends this function as soon as it hears of it
    emit(end)


def _run_to_an_end(job: BranchJob, emit: Emit, watch: StallWatch) -> BranchEnded:
    """Attempts with less and less memory, until one succeeds or fails by something else."""
    thrift = Thrift(job, half_of(loaded.device()))
    while True:
        work = BranchWork(job, emit, watch, thrift)
        try:
            return _attempt(job, work)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error)
        # Not in the clause above: while the error lives, its frames keep the tensors that filled the memory.
        reached = work.reached
        work.let_go()
        try:
            told = thrift.save(reached, reason)
        except ResourceError as error:
            return ended_by(error, job.branch.id, reached)
        emit(BranchStarted(branch=job.branch.id, host=socket.gethostname(), pid=os.getpid(), after=told))


def _attempt(job: BranchJob, work: BranchWork) -> BranchEnded:
    branch = job.branch.id
    try:
        state, reason = work.run()
    except _Stopped:
        state, reason = TrialState.INTERRUPTED, "asked to stop"
    except DbsweepError as error:
        return ended_by(error, branch, work.reached)
    except OSError as error:
        if not is_full(error):
            raise
        return ended_by(DiskError(f"no disk space left ({error})"), branch, work.reached)
    return BranchEnded(branch=branch, state=state, last_step=work.reached, reason=reason)


class BranchWork:
    """One branch in training.

    It keeps its two latest states, so that one damaged checkpoint costs one interval; its fork counts as the first.

    Args:
        watch: told of every pass of the networks, in training and in drawing.
        thrift: the settings with which memory is saved.

    Attributes:
        reached: the last step trained.
    """

    def __init__(self, job: BranchJob, emit: Emit, watch: StallWatch, thrift: Thrift) -> None:
        self._job = job
        self._thrift = thrift
        self._emit = emit
        self._watch = watch
        self._pace = Pace(job.branch.id, emit)
        self._run = RunFolder(job.sweep.run_folder)
        self._models = loaded.models_to_change(job.sweep.base)
        self._trainer: Trainer | None = None
        self._states = ResumeStates(self._run, job.branch, ())
        self._stop_checked = time.monotonic()
        self.reached = job.branch.fork_step

    def run(self) -> tuple[TrialState, str]:
        """Trains to the end or to the verdict that ends it; returns the state and its reason."""
        with self._watch.following(self._models):
            return self._work()

    def let_go(self) -> None:
        """Gives the memory of this attempt back; it is not used again."""
        self._trainer = None
        for network in self._models.networks.values():
            network.zero_grad(set_to_none=True)
        release_memory()

    def _work(self) -> tuple[TrialState, str]:
        branch = self._job.branch
        for folder in (self._run.branch(branch.id), *self._run.branch_images(branch.id).glob("*")):
            remove_leftovers(folder)
        history = History(self._run, branch)
        self._states = ResumeStates(self._run, branch, history.events)
        # Before anything is told: from then on the driver may drop weights of these checkpoints.
        self._states.drop(keep=2 if len(history.events) < len(branch.milestones) else 0)
        judgement = self._start_judgement()
        if judgement.over and not history.events:
            return self._end_by(judgement)
        for milestone in branch.milestones:
            event = history.events.get(milestone.step)
            if event is None:
                event = self._reach(milestone, history, judgement)
            elif event.scorecard is not None:
                judgement.add(milestone.step, event.scorecard, finished=milestone.step == branch.end_step)
            self.reached = milestone.step
            decision = self._tell(event)
            self._watch.alive()
            if judgement.over and milestone.step < branch.end_step:
                return self._end_by(judgement)
            if decision is Decision.STOP and milestone.step < branch.end_step:
                self._save_and_stop()
        self._states.drop(keep=0)
        return TrialState.COMPLETED, ""

    def _end_by(self, judgement: Judgement) -> tuple[TrialState, str]:
        """The end by the verdict, which nobody goes on from."""
        stopped = stopped_file(self._run, self._job.branch.id)
        stopped.parent.mkdir(parents=True, exist_ok=True)
        stopped.touch()
        self._states.drop(keep=0)
        return TrialState.STOPPED, judgement.evidence

    def _tell(self, event: CheckpointScored) -> Decision:
        try:
            return self._emit(event)
        except SystemExit:  # so Tune ends a function whose trial its scheduler stops: nobody goes on from here
            if self._job.sweep.experiment.search.scheduler is not SchedulerName.NONE:
                self._states.drop(keep=0)
            raise

    def _start_judgement(self) -> Judgement:
        base = Scorecard.model_validate_json(self._run.base_scorecard.read_text(encoding="utf-8"))
        return Judgement(self._job, base)

    def _reach(self, milestone: Milestone, history: History, judgement: Judgement) -> CheckpointScored:
        """Trains to a milestone, keeps its checkpoint, draws and scores."""
        if self._trainer is None:
            self._trainer = self._start_training(history)
        self._pace.begin(self._trainer.step)
        log = self._trainer.train_until(milestone.step, self._after_step)
        log = log.model_copy(update={"savings": self._thrift.savings})
        self._states.drop(keep=1)
        checkpoint = keep_milestone(self._job, milestone, self._models, self._trainer, self._thrift.savings)
        self._thrift.kept()
        if milestone.step == self._job.branch.end_step:
            self._trainer.end()  # drawing and scoring need the memory
        with self._trainer.weights_to_keep():
            card = self._look(checkpoint) if milestone.evaluate else None
        verdict = None
        if card is not None:
            verdict = judgement.add(milestone.step, card, finished=milestone.step == self._job.branch.end_step)
        event = CheckpointScored(checkpoint=checkpoint, log=log, scorecard=card, verdict=verdict)
        write_event(self._run, event)
        # Only now: whoever dies while scoring goes on from the state before.
        shutil.rmtree(self._run.interrupted(self._job.branch.id), ignore_errors=True)
        self._states.add(milestone)
        return event

    def _look(self, checkpoint: Checkpoint) -> Scorecard:
        self._pace.begin(0)

        def on_drawn(drawn: int, to_draw: int) -> None:
            self._pace.drawn(checkpoint.step, drawn, to_draw)

        return first_look(self._models, self._job.sweep, checkpoint, on_drawn)

    def _start_training(self, history: History) -> Trainer:
        fork = self._job.fork
        start = history.start if history.start is not None else (fork.checkpoint if fork is not None else None)
        if start is not None:
            self._thrift.go_on_from(start)
        lora_rank = self._job.sweep.experiment.train_for(self._job.branch.settings).lora_rank
        if start is None or lora_rank > 0:  # the state of a LoRA is the LoRA alone
            self._models = loaded.untrained_models(self._job.sweep.base)
            loaded.models_to_change(self._job.sweep.base)
        trainer = make_trainer(self._job, self._models, self._thrift.savings)
        if start is not None:
            trainer.load_state(read_state(start))
        return trainer

    def _after_step(self, step: int) -> None:
        self.reached = step
        self._watch.alive()  # a pass that is replayed on a GPU does not call the networks
        self._pace.trained(step)
        if time.monotonic() - self._stop_checked < STOP_CHECK_INTERVAL_S:
            return
        self._stop_checked = time.monotonic()
        if self._run.stop_request.exists():
            self._save_and_stop()

    def _save_and_stop(self) -> NoReturn:
        if self._trainer is not None:
            save_between(self._job, self._models, self._trainer, self._thrift.savings)
        raise _Stopped
