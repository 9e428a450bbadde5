"""The settings that a run began with: its experiment file, which a person may have lost or changed, and its ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dbsweep.config.loading import load_experiment
from dbsweep.config.messages import shown
from dbsweep.errors import RunError
from dbsweep.execution.folder import RunFolder

# Planning starts at once.
if TYPE_CHECKING:
    from dbsweep.config.schema import Experiment
    from dbsweep.records.run import RunRecord

_KEPT = ("base_model_ema", "vae", "clip_skip", "concepts", "train", "search", "evaluate", "verdict")
"""Sections that decide what is trained and how it is measured. What lies elsewhere by now is not held against a person:
photos and the base model are compared by their content."""

_FREE = ("train.cuda_graphs", "train.deterministic")
"""How a GPU computes the same: whoever has trouble there goes on without."""

_FOLDERS = ("instance_images", "validation_images", "class_images.folder")
_NAMED = 4


def read_experiment(run: RunFolder) -> Experiment:
    """A run's experiment file; what its ledger knows of it where the file is gone."""
    if run.experiment.is_file():
        return load_experiment(run.experiment)
    from dbsweep.config.schema import Experiment
    from dbsweep.execution.ledger.ledger import Ledger

    with Ledger.open(run.ledger, read_only=True) as ledger:
        return Experiment.model_validate(ledger.read().experiment)


def refuse_other_settings(run: RunFolder, experiment: Experiment, record: RunRecord) -> None:
    """RunError if what is left of a run would be trained or measured by other settings than what is done."""
    from dbsweep.config.schema import Experiment

    before, now = _settings(Experiment.model_validate(record.experiment)), _settings(experiment)
    changes = [
        f"{name} was {shown(before.get(name))} and is {shown(now.get(name))}"
        for name in {**before, **now}
        if before.get(name) != now.get(name)
    ]
    if changes:
        more = f" and {len(changes) - _NAMED} more" if len(changes) > _NAMED else ""
        raise RunError(
            f"{run.experiment} is not what run {run.name!r} began with ({'; '.join(changes[:_NAMED])}{more}): what is"
            " trained already could not be compared with what is left; change it back, or run it under another --name"
        )


def _settings(experiment: Experiment) -> dict[str, Any]:
    values = experiment.model_dump(mode="json", include=set(_KEPT))
    return {name: value for name, value in _leaves(values) if not name.endswith(_FOLDERS) and name not in _FREE}


def _leaves(value: object, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no section, by its path in the file: ``concepts[0].class_token``."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from _leaves(below, f"{at}.{key}" if at else str(key))
    elif isinstance(value, list | tuple):
        for index, below in enumerate(value):
            yield from _leaves(below, f"{at}[{index}]")
    else:
        yield at, value
