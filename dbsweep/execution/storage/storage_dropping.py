"""Taking weights and training states off the storage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from dbsweep.config.messages import counted
from dbsweep.execution.storage.dropping import Dropping
from dbsweep.execution.storage.store import Store
from dbsweep.models.checkpoint_files import MANIFEST, STATE_FILES, WEIGHT_FILES, manifest_without
from dbsweep.records.results import Checkpoint


class StorageDropping(Dropping):
    """In the storage, by a thread, so that a slow one does not slow the sweep.

    A storage that fails costs room and nothing else: what could not be dropped is tried once more in the end.
    """

    def __init__(self, run_folder: Path, storage: str) -> None:
        super().__init__(run_folder)
        self._store = Store(run_folder.parent, storage)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dropping")
        self._begun: list[tuple[Future[None], Callable[[], None]]] = []

    def weights(self, checkpoint: Checkpoint) -> None:
        self._begin(checkpoint, WEIGHT_FILES)

    def state(self, checkpoint: Checkpoint) -> None:
        self._begin(checkpoint, STATE_FILES)

    def settle(self) -> str:
        begun, self._begun = self._begun, []
        failed = 0
        for future, again in begun:
            if future.exception() is None:
                continue
            try:
                again()
            except OSError:
                failed += 1
        files = f"files of {counted(failed, 'checkpoint')} that nothing needs"
        return f"The storage failed: {files} are left in it" if failed else ""

    def _begin(self, checkpoint: Checkpoint, names: Sequence[str]) -> None:
        def drop() -> None:
            self._drop(self._run_folder / checkpoint.path, names)

        self._begun.append((self._pool.submit(drop), drop))

    def _drop(self, folder: Path, names: Sequence[str]) -> None:
        found = self._store.read(folder, MANIFEST)
        if found is None:
            return
        manifest, sizes = found
        without = manifest_without(manifest.decode(), names, sizes)
        if without is not None:
            self._store.amend(folder, names, MANIFEST, without.encode())
