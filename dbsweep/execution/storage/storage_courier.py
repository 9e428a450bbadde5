"""A worker's side of the storage: brings what a task needs before it starts and carries away what it has made."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from dbsweep.errors import InputError
from dbsweep.execution import loaded
from dbsweep.execution.branch.history import read_event
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, CloserLook, SweepJob
from dbsweep.execution.storage.courier import Courier
from dbsweep.execution.storage.inputs import with_inputs_at
from dbsweep.execution.storage.scratch import alone, process_scratch, scratch_root
from dbsweep.execution.storage.store import INPUTS, Store
from dbsweep.models.checkpoint_files import MANIFEST
from dbsweep.records.events import BranchEnded, CheckpointScored, Event
from dbsweep.records.names import TrialState
from dbsweep.records.results import GridModels

STOP_LOOK_INTERVAL_S = 2.0
"""How often a worker asks the storage whether it shall stop."""

END = "end"
"""The part of a branch's images folder that holds how the branch ended."""


class StorageCourier(Courier):
    """Keeps its copies in a scratch folder of this process."""

    def __init__(self, sweep: SweepJob, storage: str) -> None:
        for key in sweep.inputs.values():
            _bring_input(storage, Path(key).parts[0])
        super().__init__(_localised(sweep, process_scratch(), scratch_root() / INPUTS))
        self._driver_s_folder = sweep.run_folder
        self._run = RunFolder(self.sweep.run_folder)
        self._store = Store(self._run.path.parent, storage)
        self._over = threading.Event()  # the branch has ended
        self._fork: Path | None = None  # the copy of the checkpoint that the branch starts from
        self._sent: dict[Path, str] = {}  # checkpoints in the storage with the manifest that they have there

    @contextmanager
    def preparing(self, *, class_images: bool = True) -> Iterator[None]:
        if class_images:
            self._bring_pools()
        else:
            self._store.get(self._run.path)  # the reference, where it was drawn before
            self._store.get(self._run.base_images)
        before = self._made()
        yield
        self._put_new(before)

    @contextmanager
    def training(self, job: BranchJob) -> Iterator[BranchJob]:
        self._bring_pools()
        self._store.get(self.sweep.cache_folder / "latents", prefix=self._run.name)
        self._store.get(self._run.path)
        job = self._forked_here(job)
        self._bring_history(job)
        self._before = self._made()
        self._watch_for_a_stop()
        try:
            yield job
        finally:
            self._finish(job.branch.id)

    @contextmanager
    def drawing_grids(self, models: Sequence[GridModels]) -> Iterator[None]:
        for path in dict.fromkeys(m.checkpoint.path for each in models for m in each.models if m.checkpoint):
            self._store.get(self._run.path / path)
        yield
        for folder in self._run.grids.iterdir():
            self._store.put(folder)

    @contextmanager
    def looking_closer(self, look: CloserLook) -> Iterator[None]:
        run, checkpoint = self._run, look.checkpoint
        drawn = look.images_folder(run)
        for folder in (run.path, run.path / checkpoint.path, run.images(checkpoint.branch, checkpoint.step), drawn):
            self._store.get(folder)
        yield
        self._store.put(drawn)

    def told_before(self, job: BranchJob) -> tuple[Event, ...]:
        branch, images = job.branch.id, self._run.branch_images(job.branch.id)
        if not self._store.get(images, prefix=END):
            return ()
        end = BranchEnded.model_validate_json((images / f"{END}.json").read_text(encoding="utf-8"))
        events: list[Event] = []
        for step in (milestone.step for milestone in job.branch.milestones if milestone.step <= end.last_step):
            self._store.get(self._run.images(branch, step), only="event.json")
            event = read_event(self._run, branch, step)
            if event is None or not self._store.intact(self._run.checkpoint(branch, step)):
                return ()
            events.append(event)
        return (*events, end)

    def asked_to_stop(self) -> bool:
        return self._store.flag(self._run.stop_request)

    def carry(self, event: Event) -> None:
        match event:
            case CheckpointScored():
                branch = event.checkpoint.branch
                self._put_checkpoints(branch)
                self._store.put(self._run.images(branch, event.checkpoint.step))  # with event.json: now it counts
                self._put_new(self._before)
                self._before = self._made()
            case BranchEnded():
                self._put_checkpoints(event.branch)
                if event.state in (TrialState.COMPLETED, TrialState.STOPPED):
                    images = self._run.branch_images(event.branch)
                    images.mkdir(parents=True, exist_ok=True)  # there is none where a verdict ended it at its fork
                    (images / f"{END}.json").write_text(event.model_dump_json(), encoding="utf-8")
                    self._store.put(images, [f"{END}.json"], part=END)
                # Now, for the next branch may begin in this process as soon as the driver hears of the end.
                self._finish(event.branch)
                if self._fork is not None:
                    shutil.rmtree(self._fork, ignore_errors=True)

    def _bring_pools(self) -> None:
        for need in self.sweep.class_images:
            if need.count:
                concept = self.sweep.experiment.concepts[need.concept]
                self._store.get(loaded.pool(self.sweep, concept, need.size).folder)

    def _forked_here(self, job: BranchJob) -> BranchJob:
        here = BranchJob(sweep=self.sweep, branch=job.branch)
        if job.fork is None:
            return here
        folder = self._run.path / job.fork.checkpoint.relative_to(self._driver_s_folder)
        self._fork = folder
        self._store.get(folder)  # one that does not arrive whole is refused when it is read
        return here.forked(job.fork.model_copy(update={"checkpoint": folder}))

    def _bring_history(self, job: BranchJob) -> None:
        """What an earlier attempt, here or elsewhere, has finished."""
        branch = job.branch
        folders = [self._run.interrupted(branch.id)]
        for milestone in branch.milestones:
            if not self._store.get(self._run.images(branch.id, milestone.step)):
                break
            folders.append(self._run.checkpoint(branch.id, milestone.step))
        for folder in folders:
            if self._store.get(folder):
                self._sent[folder] = _manifest(folder)

    def _put_checkpoints(self, branch: str) -> None:
        """The branch's checkpoints as they are here: new ones, and those that have lost their state."""
        folders = [path for path in self._run.branch(branch).glob("[!.]*") if (path / MANIFEST).is_file()]
        for folder in sorted(folders, reverse=True):  # the newest first: the older ones' states may go only then
            if self._sent.get(folder) != _manifest(folder):
                self._store.put(folder)
                self._sent[folder] = _manifest(folder)
        stopped = self._run.interrupted(branch)
        if stopped in self._sent and not stopped.exists():
            self._store.remove(stopped)
            del self._sent[stopped]

    def _made(self) -> dict[Path, int]:
        """Every file of the shared inputs with the time of its last change, ns."""
        run = self._run
        inputs = [
            self.sweep.cache_folder.rglob("*"),
            run.base_images.glob("*"),
            (run.reference, run.base_scorecard, run.reference_key),
        ]
        return {path: path.stat().st_mtime_ns for paths in inputs for path in paths if path.is_file()}

    def _put_new(self, before: dict[Path, int]) -> None:
        """Puts what has been made since, each folder's files as one part."""
        parts: defaultdict[Path, list[str]] = defaultdict(list)
        for path, changed in self._made().items():
            if before.get(path) != changed:
                parts[path.parent].append(path.name)
        for folder, names in parts.items():
            digest = hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:16]
            self._store.put(folder, names, part=f"{self._run.name}.{digest}")

    def _watch_for_a_stop(self) -> None:
        """A thread turns the driver's request in the storage into the file that workers look at."""
        self._run.stop_request.unlink(missing_ok=True)

        def watch() -> None:
            while not self._over.wait(STOP_LOOK_INTERVAL_S):
                if self._store.flag(self._run.stop_request):
                    self._run.stop_request.touch()

        threading.Thread(target=watch, name="stop requests", daemon=True).start()

    def _finish(self, branch: str) -> None:
        """The storage has what the branch has made; the disk is for the next."""
        if self._over.is_set():
            return
        self._over.set()
        shutil.rmtree(self._run.branch(branch), ignore_errors=True)
        shutil.rmtree(self._run.branch_images(branch), ignore_errors=True)


def _manifest(folder: Path) -> str:
    return (folder / MANIFEST).read_text(encoding="utf-8")


@lru_cache(maxsize=64)
def _bring_input(storage: str, key: str) -> None:
    """Photos or a model from the driver's disk, for all processes of this machine; looked at once a process."""
    root = scratch_root()
    with alone(root / INPUTS / key):
        if not Store(root, storage).get(root / INPUTS / key):
            raise InputError(
                f"storage {storage}: {INPUTS}/{key} is not there or damaged; start dbsweep again to send it"
            )


def _localised(sweep: SweepJob, scratch: Path, inputs: Path) -> SweepJob:
    """The job with the paths of this machine."""
    here = with_inputs_at(sweep, lambda path: str(inputs / sweep.inputs[path]) if path in sweep.inputs else path)
    return here.model_copy(
        update={
            "run_folder": scratch / sweep.run_folder.name,
            "cache_folder": scratch / sweep.cache_folder.name,
            "base_on_driver": sweep.base,
        }
    )
