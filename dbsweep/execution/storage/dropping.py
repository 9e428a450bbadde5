"""Taking weights and training states off where they lie: on a disk that the driver sees, or in the storage."""

from __future__ import annotations

from pathlib import Path

from dbsweep.models.checkpoint_files import drop_state, drop_weights
from dbsweep.records.results import Checkpoint


class Dropping:
    """Without storage by URI: the files go at once.

    Args:
        run_folder: of the run, absolute.
    """

    def __init__(self, run_folder: Path) -> None:
        self._run_folder = run_folder

    def weights(self, checkpoint: Checkpoint) -> None:
        """Drops a checkpoint's weights."""
        drop_weights(self._run_folder / checkpoint.path)

    def state(self, checkpoint: Checkpoint) -> None:
        """Drops the state that training could go on from."""
        drop_state(self._run_folder / checkpoint.path)

    def settle(self) -> str:
        """Waits for what was begun; returns what could not be dropped, in a sentence, empty if all was."""
        return ""
