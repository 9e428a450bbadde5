"""A back end that trains nothing: it replays tabulated score curves through the same queue, in simulated time."""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

from dbsweep.config.search import SchedulerName
from dbsweep.errors import ChangedError, DiskError, TrialError
from dbsweep.execution.backend import OnCard, OnEvent, OnProgress, Prepared, Progress
from dbsweep.execution.ending import ended_by
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, CloserLook, SweepJob
from dbsweep.execution.scheduling.comparison import Ending
from dbsweep.execution.scheduling.judgement import Judgement
from dbsweep.execution.scheduling.queue import BranchQueue
from dbsweep.records.events import BranchEnded, BranchStarted, CheckpointScored, Event
from dbsweep.records.names import BASE, Metric, TrialState
from dbsweep.records.plan import Milestone, Plan
from dbsweep.records.record import Scalar
from dbsweep.records.results import Checkpoint, GridImage, GridModels, Score, Scorecard, StepLog

Curve = Callable[[Mapping[str, Scalar], int], Mapping[Metric, float]]
"""A branch's settings and a step → its scores; raises TrialError where it fails, DiskError or ChangedError where
no branch can go on."""

UNTRAINED: Mapping[Metric, float] = {
    Metric.IDENTITY: 0.0,
    Metric.STYLE: 1.0,
    Metric.PRIOR: 1.0,
    Metric.DIVERSITY: 1.0,
    Metric.PROMPT_FIDELITY: 1.0,
}
"""Scores of the base model, on the scales that `Metric` describes."""

SAMPLES = 8
SPREAD = 0.02
"""Sample i lies ``SPREAD · (i - 3.5)`` from the mean, at every checkpoint alike, as paired samples do."""


class SimulatedBackend:
    """Runs branches on paper.

    Args:
        curve: the scores that training would have reached.
        workers: branches that run at the same time.
        seconds_per_step, seconds_per_checkpoint: simulated durations.
        base: scores of the untrained model.

    Attributes:
        clock: simulated seconds since the start.
    """

    def __init__(
        self,
        curve: Curve,
        *,
        workers: int = 2,
        seconds_per_step: float = 1.0,
        seconds_per_checkpoint: float = 10.0,
        base: Mapping[Metric, float] = UNTRAINED,
    ) -> None:
        self._curve = curve
        self._workers = workers
        self._seconds_per_step = seconds_per_step
        self._seconds_per_checkpoint = seconds_per_checkpoint
        self._base = make_scorecard(BASE, base)
        self._ending: Ending | None = None
        self.clock = 0.0

    def prepare(self, job: SweepJob, on_progress: OnProgress) -> Prepared:
        """Nothing to make; the base model's scorecard is as given."""
        on_progress(Progress(stage="references", done=1, total=1))
        sha256 = hashlib.sha256(job.base.source.encode()).hexdigest()
        return Prepared(base_sha256=sha256, base=self._base, class_images_drawn=0, seconds=0.0)

    def run(self, jobs: Sequence[BranchJob], on_event: OnEvent) -> None:
        """Replays all branches; events come in the order of simulated time."""
        queue = BranchQueue(jobs)
        self._schedule_with(jobs)
        try:
            self._replay_all(queue, on_event)
        except KeyboardInterrupt:
            asked = "asked to stop"
            for job in queue.running:
                on_event(_end(job, TrialState.INTERRUPTED, queue.reached(job.branch.id), asked))
            for end in queue.drop_all(TrialState.INTERRUPTED, asked):
                on_event(end)
            raise

    def _schedule_with(self, jobs: Sequence[BranchJob]) -> None:
        """What ends branches beside the verdict; one for all rounds."""
        if self._ending is None and jobs and jobs[0].sweep.experiment.search.scheduler is not SchedulerName.NONE:
            self._ending = Ending(jobs[0].sweep.experiment, self._base)

    def _replay_all(self, queue: BranchQueue, on_event: OnEvent) -> None:
        agenda: list[tuple[float, int, Event, Iterator[tuple[float, Event]]]] = []
        order = itertools.count()

        def schedule(events: Iterator[tuple[float, Event]]) -> None:
            duration, event = next(events)
            heapq.heappush(agenda, (self.clock + duration, next(order), event, events))

        while not queue.finished:
            while len(agenda) < self._workers and (job := queue.next()) is not None:
                schedule(self._replay(job))
            self.clock, _, event, events = heapq.heappop(agenda)
            events = self._halved(queue, event) or events
            dropped = queue.record(event)
            if not isinstance(event, BranchEnded):
                schedule(events)
            for told in (event, *dropped):
                on_event(told)

    def _halved(self, queue: BranchQueue, event: Event) -> Iterator[tuple[float, Event]] | None:
        """What follows where the scheduler ends the branch at this event."""
        if self._ending is None or not isinstance(event, CheckpointScored):
            return None
        job = queue.job(event.checkpoint.branch)
        reason = self._ending.end(job, event)
        if reason is None:
            return None
        queue.halt(job.branch.id)
        return iter([(0.0, _end(job, TrialState.STOPPED, event.checkpoint.step, reason))])

    def look_closer(self, job: SweepJob, looks: Sequence[CloserLook], on_card: OnCard) -> None:
        """The same means over more samples, or those of a first look."""
        for look in looks:
            if look.card is None:
                on_card(self._late_card(job, look.checkpoint))
                continue
            times = look.images_per_prompt // job.experiment.evaluate.images_per_prompt
            scores = {m: s.model_copy(update={"samples": s.samples * times}) for m, s in look.card.scores.items()}
            on_card(look.card.model_copy(update={"scores": scores}))

    def _late_card(self, job: SweepJob, checkpoint: Checkpoint) -> Scorecard:
        plan = Plan.model_validate_json(RunFolder(job.run_folder).plan.read_text(encoding="utf-8"))
        (branch,) = (branch for branch in plan.branches if branch.id == checkpoint.branch)
        return self._card(BranchJob(sweep=job, branch=branch), checkpoint.step, checkpoint.id)

    def draw_grids(self, job: SweepJob, models: Sequence[GridModels]) -> tuple[GridImage, ...]:
        """No weights, no pictures."""
        return ()

    def close(self) -> None:
        """Nothing was started."""

    def _replay(self, job: BranchJob) -> Iterator[tuple[float, Event]]:
        """(seconds since the previous one, event) of one branch, to its end."""
        branch = job.branch
        yield 0.0, BranchStarted(branch=branch.id, host="simulated", pid=0)
        judgement = Judgement(job, self._base)
        step = branch.fork_step
        if judgement.over:
            yield 0.0, _end(job, TrialState.STOPPED, step, judgement.evidence)
            return
        for milestone in branch.milestones:
            duration = (milestone.step - step) * self._seconds_per_step + self._seconds_per_checkpoint
            try:
                event = self._checkpoint(job, milestone, judgement)
            except (TrialError, DiskError, ChangedError) as error:
                yield duration, ended_by(error, branch.id, step)
                return
            step = milestone.step
            yield duration, event
            if judgement.over and step < branch.end_step:
                yield 0.0, _end(job, TrialState.STOPPED, step, judgement.evidence)
                return
        yield 0.0, _end(job, TrialState.COMPLETED, step)

    def _card(self, job: BranchJob, step: int, name: str) -> Scorecard:
        """What a checkpoint scores."""
        return make_scorecard(name, self._curve(job.branch.settings, step))

    def _checkpoint(self, job: BranchJob, milestone: Milestone, judgement: Judgement) -> CheckpointScored:
        branch = job.branch
        name = f"{branch.id}-{milestone.step:06d}"
        card = self._card(job, milestone.step, name) if milestone.evaluate else None
        finished = milestone.step == branch.end_step
        return CheckpointScored(
            checkpoint=Checkpoint(
                id=name,
                branch=branch.id,
                step=milestone.step,
                epoch=milestone.epoch,
                path=f"checkpoints/{branch.id}/{milestone.step:06d}",
                sha256=hashlib.sha256(f"{branch.stages} {milestone.step}".encode()).hexdigest(),
                bytes=0,
            ),
            log=_log(milestone.step, 1.0 / self._seconds_per_step),
            scorecard=card,
            verdict=judgement.add(milestone.step, card, finished=finished) if card is not None else None,
        )


def make_scorecard(checkpoint: str, scores: Mapping[Metric, float]) -> Scorecard:
    """A scorecard of the given means, with paired samples about them."""
    offsets = [SPREAD * (i - (SAMPLES - 1) / 2) for i in range(SAMPLES)]
    return Scorecard(
        checkpoint=checkpoint,
        scores={
            metric: Score(
                value=mean, low=mean - SPREAD, high=mean + SPREAD, samples=tuple(mean + offset for offset in offsets)
            )
            for metric, mean in scores.items()
        },
        images=(),
    )


def _end(job: BranchJob, state: TrialState, step: int, reason: str = "") -> BranchEnded:
    return BranchEnded(branch=job.branch.id, state=state, last_step=step, reason=reason)


def _log(step: int, steps_per_s: float) -> StepLog:
    return StepLog(
        step=step,
        loss=0.1,
        instance_loss=0.05,
        prior_loss=0.05,
        learning_rate=0.0,
        grad_norm=0.0,
        steps_per_s=steps_per_s,
        memory_bytes=0,
    )
