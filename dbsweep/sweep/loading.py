"""An experiment file as a sweep runs it: its models pinned to checkpoints, its lengths counted in epochs."""

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
    return counted_in_epochs(_pinned(load_experiment(file, (*overrides, *named))))


def counted_in_epochs(experiment: Experiment) -> Experiment:
    """With lengths that are given in optimizer steps as whole epochs; otherwise as it is."""
    if not experiment.counts_steps:
        return experiment
    from dbsweep.plan.lengths import in_epochs
    from dbsweep.plan.photos import photos_of

    return in_epochs(experiment, photos_of(experiment, count_photos(experiment), photo_sizes(experiment)))


def _pinned(experiment: Experiment) -> Experiment:
    """With its base model, and those that grids merge into, pinned."""

    def pin_custom(source: str) -> str:
        return _pin(source, experiment.output, "model to merge into")

    base = _pin(experiment.base_model, experiment.output, "base model")
    grids = tuple(grid.with_custom_models(pin_custom) for grid in experiment.grids)
    return experiment.model_copy(update={"base_model": base, "grids": grids})


def _pin(source: str, output: Path, what: str) -> str:
    """The folder of the checkpoint that ``RUN@CHECKPOINT`` names, which a later choice cannot move; else the source."""
    if source != MINISD and any((folder / source / "ledger.db").is_file() for folder in (Path(), output)):
        raise ModelError(f"{what} {source}: this is a run; its chosen checkpoint is called {source}@best")
    if "@" not in source or Path(source).exists():
        return source
    from dbsweep.sweep.answers import find_checkpoint

    folder, _, checkpoint = find_checkpoint(source, output)
    return str(folder.path / checkpoint.path)
