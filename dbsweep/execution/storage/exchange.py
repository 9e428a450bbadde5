"""The driver's side of the storage: sends the inputs, fetches pictures, never weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import SweepJob
from dbsweep.execution.storage.inputs import local_inputs
from dbsweep.execution.storage.remote_files import reachable
from dbsweep.execution.storage.store import INPUTS, Store
from dbsweep.models.checkpoint_files import STATE_FILES
from dbsweep.models.hashes import file_sha256
from dbsweep.models.single_file.config import files_beside
from dbsweep.models.sources import is_checkpoint, rooted
from dbsweep.records.events import CheckpointScored, Event


class Exchange:
    """Without storage by URI: all machines see the run folder."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run

    def equip(self, sweep: SweepJob) -> SweepJob:
        """Sends what the workers need from this machine's disk; returns the job that says where it is."""
        return sweep

    def fetch(self, folders: Iterable[Path]) -> None:
        """Brings folders of pictures here."""

    def hear(self, event: Event) -> None:
        """Begins to fetch the pictures that an event speaks of."""

    def settle(self) -> None:
        """Waits for the pictures that were begun."""

    def ask_to_stop(self) -> None:
        """Asks the workers to save their state and end."""
        self._run.stop_request.touch()

    def forget_the_stop(self) -> None:
        """Takes the request back."""
        self._run.stop_request.unlink(missing_ok=True)


class StorageExchange(Exchange):
    """By way of the experiment's `storage`."""

    def __init__(self, run: RunFolder, storage: str) -> None:
        super().__init__(run)
        self._storage = storage
        self._store = Store(run.path.parent, storage)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pictures")
        self._fetching: dict[Path, Future[bool]] = {}
        self._inputs: dict[str, str] | None = None

    def equip(self, sweep: SweepJob) -> SweepJob:
        customs = {
            name: custom.model_copy(update={"source": rooted(custom.source)}) for name, custom in sweep.customs.items()
        }
        sweep = sweep.model_copy(update={"base": rooted(sweep.base), "customs": customs})
        if self._inputs is None:
            with reachable(self._storage):
                self._inputs = {path: self._send(Path(path)) for path in local_inputs(sweep)}
        return sweep.model_copy(update={"inputs": self._inputs})

    def fetch(self, folders: Iterable[Path]) -> None:
        with reachable(self._storage):
            for folder in folders:
                self._store.get(folder)

    def hear(self, event: Event) -> None:
        if isinstance(event, CheckpointScored):
            folder = self._run.images(event.checkpoint.branch, event.checkpoint.step)
            self._fetching[folder] = self._pool.submit(self._store.get, folder)

    def settle(self) -> None:
        """What could not be fetched is tried once more, so that a short failure of the network is not seen."""
        begun, self._fetching = self._fetching, {}
        self.fetch([folder for folder, task in begun.items() if task.exception() is not None])

    def ask_to_stop(self) -> None:
        with reachable(self._storage):
            self._store.raise_flag(self._run.stop_request)

    def forget_the_stop(self) -> None:
        with reachable(self._storage):
            self._store.lower_flag(self._run.stop_request)

    def _send(self, source: Path) -> str:
        """Puts photos or a model under a name made from their content, if they are not there."""
        folder = source if source.is_dir() else source.parent
        if source.is_dir():
            files = [path for path in source.rglob("*") if path.is_file()]
        else:
            files = [source, *files_beside(source)]
        left = STATE_FILES if is_checkpoint(source) else ()  # whoever starts from its weights needs no state
        wanted = [p for p in files if not p.name.startswith(".") and p.name not in left]
        names = sorted(p.relative_to(folder).as_posix() for p in wanted)
        lines = [f"{name} {file_sha256(folder / name)}" for name in names]
        key = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:24]
        place = self._run.path.parent / INPUTS / key
        if not self._store.intact(place):
            self._store.put(folder, names, place=place)
        return key if source.is_dir() else f"{key}/{source.name}"


def exchange_for(run: RunFolder, storage: str | None) -> Exchange:
    """The exchange that an experiment's `storage` asks for."""
    return Exchange(run) if storage is None else StorageExchange(run, storage)
