"""An experiment file as a sweep runs it: its base model pinned to one checkpoint, its lengths counted in epochs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dbsweep.errors import ModelError
from dbsweep.sweep.named_models import MINISD
from dbsweep.sweep.photo_counts import count_photos, photo_sizes

# What loads more than planning needs is imported where it is used.
if TYPE_CHECKING:
    from dbsweep.config.schema import Experiment


def load(file: Path, overrides: Sequence[str] = (), name: str | None = None) -> Experiment:
    """The experiment of a file, with a run name of the caller's."""
    from dbsweep.config.loading import load_experiment

    named = () if name is None else (f"name={name}",)
    return counted_in_epochs(_pin_base(load_experiment(file, (*overrides, *named))))


def counted_in_epochs(experiment: Experiment) -> Experiment:
    """With lengths that are given in optimizer steps as whole epochs; otherwise as it is."""
    if not experiment.counts_steps:
        return experiment
    from dbsweep.plan.lengths import in_epochs
    from dbsweep.plan.photos import photos_of

    return in_epochs(experiment, photos_of(experiment, count_photos(experiment), photo_sizes(experiment)))


def _pin_base(experiment: Experiment) -> Experiment:
    """With ``RUN@CHECKPOINT`` as base model replaced by that checkpoint's folder, which a later choice cannot move."""
    source = experiment.base_model
    if source != MINISD and any((folder / source / "ledger.db").is_file() for folder in (Path(), experiment.output)):
        raise ModelError(f"base model {source}: this is a run; its chosen checkpoint is called {source}@best")
    if "@" not in source or Path(source).exists():
        return experiment
    from dbsweep.sweep.answers import find_checkpoint

    folder, _, checkpoint = find_checkpoint(source, experiment.output)
    return experiment.model_copy(update={"base_model": str(folder.path / checkpoint.path)})
