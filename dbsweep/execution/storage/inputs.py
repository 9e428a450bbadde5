"""What a sweep takes from the driver's disk, photos and models, and the same job with them in another place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from dbsweep.config.concept import Concept
from dbsweep.config.evaluate import Identity
from dbsweep.execution.jobs import SweepJob
from dbsweep.models.sources import BaseSource

Place: TypeAlias = Callable[[str], str]
"""Where what has a path, or a name that is no path, lies instead."""


def local_inputs(sweep: SweepJob) -> list[str]:
    """Paths of photos, own class images and models that lie on this machine."""
    named: dict[str, None] = {}

    def note(path: str) -> str:
        named[path] = None
        return path

    with_inputs_at(sweep, note)
    return [path for path in named if Path(path).exists()]


def with_inputs_at(sweep: SweepJob, place: Place) -> SweepJob:
    """The job with every one of its inputs in another place."""
    concepts = tuple(_concept_at(concept, place) for concept in sweep.experiment.concepts)
    identity = _identity_at(sweep.experiment.evaluate.identity, place)
    evaluate = sweep.experiment.evaluate.model_copy(update={"identity": identity})
    experiment = sweep.experiment.model_copy(update={"concepts": concepts, "evaluate": evaluate})
    base, encoder = _base_at(sweep.base, place), place(sweep.encoder)
    customs = {
        name: custom.model_copy(update={"source": _base_at(custom.source, place)})
        for name, custom in sweep.customs.items()
    }
    return sweep.model_copy(update={"experiment": experiment, "base": base, "encoder": encoder, "customs": customs})


def _concept_at(concept: Concept, place: Place) -> Concept:
    own = _folder_at(concept.class_images.folder, place)
    return concept.model_copy(
        update={
            "instance_images": _folder_at(concept.instance_images, place),
            "validation_images": _folder_at(concept.validation_images, place),
            "class_images": concept.class_images.model_copy(update={"folder": own}),
        }
    )


def _folder_at(folder: Path | None, place: Place) -> Path | None:
    return None if folder is None else Path(place(str(folder)))


def _identity_at(identity: Identity, place: Place) -> Identity:
    moved = {name: type(source)(place(str(source))) for name, source in identity.sources.items()}
    return identity.model_copy(update=moved)


def _base_at(base: BaseSource, place: Place) -> BaseSource:
    vae = None if base.vae is None else place(base.vae)
    below = None if base.below is None else _base_at(base.below, place)
    return base.model_copy(update={"source": place(base.source), "vae": vae, "below": below})
