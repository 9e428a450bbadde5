"""One run from beginning to end: prepare, train, judge, choose, draw grids, report, track."""

from __future__ import annotations

from collections.abc import Sequence

from dbsweep.config.messages import counted
from dbsweep.config.search import SearcherName
from dbsweep.errors import DbsweepError, RunError
from dbsweep.execution.backend import Backend, Prepared
from dbsweep.execution.backend import Progress as Preparation
from dbsweep.execution.ending import stops_all
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, SweepJob, branch_jobs, class_image_needs, framings_of
from dbsweep.execution.keeping import DONE
from dbsweep.execution.ledger.ledger import Ledger
from dbsweep.execution.stall import explained
from dbsweep.plan.photos import photos_of
from dbsweep.records.choice import Choice
from dbsweep.records.events import AtWork, BranchEnded, BranchStarted, CheckpointScored, Event
from dbsweep.records.plan import Plan
from dbsweep.records.run import RunRecord
from dbsweep.reports.progress import Progress
from dbsweep.reports.terminal import TerminalView
from dbsweep.reports.tokens import token_sentences
from dbsweep.selection.candidates import list_candidates
from dbsweep.selection.choice import choose
from dbsweep.selection.pick import choice_settings
from dbsweep.selection.trialbook import TrialBook
from dbsweep.selection.unmeasurable import unmeasurable
from dbsweep.selection.utility import utility_for, utility_of
from dbsweep.sweep.grid_models import grid_models
from dbsweep.sweep.housekeeping import Housekeeping
from dbsweep.sweep.late_looks import look_late
from dbsweep.sweep.photo_counts import count_photos, photo_sizes
from dbsweep.sweep.proposing import next_round
from dbsweep.sweep.racing import OnLook, race


class Conductor:
    """Leads one run.

    Every event is written to the ledger before anybody else hears of it.

    Args:
        ledger, plan: of the run.
        job: what the workers are told.
        view: where the progress shows.
    """

    def __init__(self, ledger: Ledger, plan: Plan, job: SweepJob, view: TerminalView) -> None:
        self._ledger = ledger
        self._plan = plan
        self._job = job
        self._view = view
        self._progress = Progress(plan)

    def run(self, backend: Backend) -> Choice | None:
        """Runs everything; returns the choice, None if no checkpoint was scored.

        Raises:
            DbsweepError: the shared inputs cannot be made, or are of another base model than the run began with.
            DiskError, ChangedError: the disk is full, or photos are others than the run began with; the branches have
                ended as if the person had asked them to.
            KeyboardInterrupt: stopped by the person; the ledger says how far it came.
        """
        with self._view.showing(self._progress):
            self._tell("starting the workers")  # Ray takes a while
            prepared = self._prepare(backend)
            for sentence in (*token_sentences(prepared.base), *unmeasurable(prepared.base)):
                self._view.note(sentence)
            self._train(backend, prepared, branch_jobs(self._job, self._plan, self._ledger.read()))
            while jobs := self._next_jobs():
                self._train(backend, self._prepare(backend), jobs)
            choice = self._conclude(backend)
            housekeeping = self._housekeeping(prepared)
            housekeeping.conclude()
            self._settle(housekeeping)
            return choice

    def _prepare(self, backend: Backend) -> Prepared:
        job = self._job.model_copy(update={"began_with": self._ledger.read().base_sha256})
        prepared = backend.prepare(job, self._on_preparation)
        job.refuse_another_base(prepared.base_sha256)
        self._ledger.set_base(prepared.base, prepared.base_sha256)
        experiment = self._job.experiment
        self._progress.utility = utility_for(experiment.choose, prepared.base, experiment.verdict)
        return prepared

    def _next_jobs(self) -> tuple[BranchJob, ...]:
        """The branches of the points that the searcher proposes next; none when the search is over."""
        experiment, planned = self._job.experiment, self._plan
        if experiment.search.searcher is SearcherName.RANDOM:
            return ()
        plan = next_round(experiment, self._ledger.read())
        if plan is None:
            return ()
        self._ledger.extend(plan)
        RunFolder(self._job.run_folder).plan.write_text(plan.model_dump_json(indent=1), encoding="utf-8")
        self._plan = plan
        photos = photos_of(experiment, count_photos(experiment), photo_sizes(experiment))
        needs = {"class_images": class_image_needs(experiment, plan, photos), "framings": framings_of(experiment, plan)}
        self._job = self._job.model_copy(update=needs)
        self._progress.extend(plan)
        more = counted(len(plan.trials) - len(planned.trials), "more trial")
        self._view.note(f"{experiment.search.searcher} proposes {more}")
        return branch_jobs(self._job, plan)[len(planned.branches) :]

    def _on_preparation(self, preparation: Preparation) -> None:
        self._tell(preparation.stage, preparation.done, preparation.total)

    def _tell(self, phase: str, done: int = 0, total: int = 0) -> None:
        self._progress.begin_phase(phase, done, total)
        self._view.on_phase(phase, done, total)

    def _train(self, backend: Backend, prepared: Prepared, jobs: Sequence[BranchJob]) -> None:
        experiment = self._job.experiment
        book = TrialBook(self._plan, prepared.base, experiment.verdict, experiment.choose.weights)
        housekeeping = self._housekeeping(prepared)
        stopped: DbsweepError | None = None
        before = self._ledger.read()

        def on_event(event: Event) -> None:
            nonlocal stopped
            if isinstance(event, AtWork):
                self._progress.add(event)
                self._view.on_event(event)
                return
            event = self._explained(event)
            self._ledger.record(event)
            self._ledger.update_trials(book.record(event))
            self._progress.add(event)
            if not _is_retold(event, before):
                self._view.on_event(event)
            housekeeping.after(event)
            if isinstance(event, BranchEnded) and stopped is None and (stopped := stops_all(event)) is not None:
                raise KeyboardInterrupt  # the other branches save their state and end, in the room that is left

        if jobs:
            self._tell("starting to train")  # Ray Tune and the workers take a while
        try:
            backend.run(jobs, on_event)
        except KeyboardInterrupt as stop:
            if stopped is not None:
                raise stopped from stop
            raise
        finally:
            self._settle(housekeeping)

    def _housekeeping(self, prepared: Prepared) -> Housekeeping:
        return Housekeeping(self._job.run_folder, self._job.experiment, self._plan, self._ledger, prepared.base)

    def _settle(self, housekeeping: Housekeeping) -> None:
        if left := housekeeping.settle():
            self._view.note(left)

    def _explained(self, event: Event) -> Event:
        if not isinstance(event, BranchEnded):
            return event
        resources = self._job.experiment.resources
        return explained(event, RunFolder(self._job.run_folder), resources.stall_timeout_s)

    def _conclude(self, backend: Backend) -> Choice | None:
        self._look_late(backend)
        self._race(backend)
        record = self._ledger.read()
        try:
            utility = utility_of(record)
            choice = choose(
                list_candidates(record),
                utility=utility,
                paths=self._plan.paths,
                settings=choice_settings(self._job.experiment.choose),
                finalists=record.finalists,
            )
        except RunError as error:  # every trial failed: the ledger says why, and the report shows it
            self._view.note(str(error))
            self._ledger.finish()
            return None
        self._ledger.set_choice(choice)
        self._draw_grids(backend, record, choice)
        self._ledger.finish()
        return choice

    def _look_late(self, backend: Backend) -> None:
        """Looks that break off are said, and the choice is made without them."""
        try:
            look_late(backend, self._job, self._ledger, self._telling("looks beside the best"))
        except DbsweepError as error:
            self._view.note(f"The looks beside the best checkpoints were broken off: {error}")

    def _race(self, backend: Backend) -> None:
        """A race that breaks off is said, and the choice is made with what it has measured in whole rounds."""
        try:
            race(backend, self._job, self._ledger, self._telling("race of the best"))
        except DbsweepError as error:
            self._view.note(f"The race of the best checkpoints was broken off: {error}")

    def _telling(self, stage: str) -> OnLook:
        def on_look(done: int, total: int) -> None:
            self._tell(stage, done, total)

        return on_look

    def _draw_grids(self, backend: Backend, record: RunRecord, choice: Choice) -> None:
        """Grids are pictures beside the choice: what cannot be drawn is said, and the run goes on."""
        models = [grid_models(grid, record, choice) for grid in self._job.experiment.grids]
        if not models:
            return
        self._tell("grids", 0, len(models))
        for number, each in enumerate(models, start=1):
            for note in each.notes:
                self._view.note(f"Grid {number}: {note}")
        try:
            for number, grid in enumerate(backend.draw_grids(self._job, models), start=1):
                self._ledger.add_grid(grid)
                for note in grid.notes[len(models[number - 1].notes) :]:
                    self._view.note(f"Grid {number}: {note}")
        except DbsweepError as error:
            self._view.note(f"The grids could not be drawn: {error}")


def _is_retold(event: Event, before: RunRecord) -> bool:
    """Whether workers report what was there before the run was resumed, which would look as if it were done again."""
    if isinstance(event, CheckpointScored):
        return before.logs.get(event.checkpoint.id) == event.log
    if isinstance(event, BranchStarted) and event.after:
        return False
    return before.branch_states.get(event.branch) in DONE
