"""What photos, masks, captions, class images were when a run began, kept in its folder, compared with what they are."""

from __future__ import annotations

import json

from dbsweep.concepts.fingerprints import differences, fingerprints
from dbsweep.config.schema import Experiment
from dbsweep.errors import ChangedError, InputError, RunError
from dbsweep.execution.folder import RunFolder
from dbsweep.models.durable import new_file


def keep_digests(run: RunFolder, experiment: Experiment) -> None:
    """Writes them down for a run that begins."""
    with new_file(run.fingerprints) as fresh:
        fresh.write_text(json.dumps(fingerprints(experiment), indent=1), encoding="utf-8")


def refuse_other_photos(run: RunFolder, experiment: Experiment) -> None:
    """What is trained already and what is left would be of different photos.

    Nothing is compared where nothing is kept: in runs of earlier versions, and on workers that have copies of their
    own of what the driver had.

    Raises:
        ChangedError: they are not what they were.
        RunError: what they were cannot be read.
    """
    if not run.fingerprints.is_file():
        return
    try:
        before = json.loads(run.fingerprints.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(
            f"{run.fingerprints} cannot be read ({error}), so nothing tells whether the photos are those that the run"
            " began with: if you know that they are, delete that file and resume"
        ) from error
    try:
        changes = differences(before, fingerprints(experiment))
    except (InputError, FileNotFoundError) as error:  # a folder that is gone or empty, a file that goes meanwhile
        raise ChangedError(
            f"the photos of run {run.name!r} are not where they were ({error}): put them back, or name their new place"
            f" in {run.experiment}, and resume it"
        ) from error
    if changes is not None:
        raise ChangedError(
            f"run {run.name!r} began with other photos, masks, captions or class images ({changes}): make them again"
            " what they were and resume it, or begin a new run"
        )
