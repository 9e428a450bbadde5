"""The plan of an experiment on this machine: fitted to its memory, costed at its speed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dbsweep.sweep.device import ask_driver, trial_device, unused_gpu
from dbsweep.sweep.named_models import base_source, custom_source, resolve_model, with_base_of_base
from dbsweep.sweep.photo_counts import count_class_images, count_photos, photo_sizes

# Rooms that load torch are imported where they are used, so that planning starts at once.
if TYPE_CHECKING:
    from dbsweep.config.schema import Experiment
    from dbsweep.plan.rates import Rates
    from dbsweep.records.plan import Plan


def planned(experiment: Experiment, *, alone: bool = False) -> tuple[Experiment, Plan]:
    """The experiment as it will run, fitted to the memory that a trial has and looked at as often, and its plan.

    Raises:
        ModelError: the base model, or one that a grid merges into, is of another kind, as far as that is known without
            a download.
        ResourceError: it is to be fitted, and how much memory there is is not known.
    """
    from dbsweep.models.single_file.other_kinds import refuse_other_models
    from dbsweep.plan.looks import look_notes, settled
    from dbsweep.plan.memory.fitting import fit

    for base in (base_source(experiment), *map(custom_source, experiment.custom_models)):
        refuse_other_models(base.source)
    fitted = fit(with_base_of_base(experiment), trial_device(experiment))
    idle = unused_gpu(experiment)
    notes = (
        *_kind_notes(experiment.base_model),
        *_absent_notes(experiment),
        *([idle] if idle is not None else []),
        *fitted.notes,
        *look_notes(experiment),
    )
    experiment = settled(experiment.model_copy(update={"train": fitted.experiment.train}))
    plan = make_plan(experiment, alone=alone)
    return experiment, plan.model_copy(update={"notes": (*notes, *plan.notes)})


def make_plan(experiment: Experiment, *, alone: bool = False) -> Plan:
    """What running the experiment would do and cost on this machine, with nothing shared if `alone`. No torch."""
    from dbsweep.plan import plan as planning

    plan = planning.make_plan(
        experiment,
        count_photos(experiment),
        local_rates(experiment),
        alone=alone,
        photo_sizes=photo_sizes(experiment),
        class_images=count_class_images(experiment),
    )
    return plan.model_copy(update={"notes": (*_photo_notes(experiment, plan), *plan.notes)})


def _kind_notes(base_model: str) -> Iterator[str]:
    from dbsweep.models.single_file.other_kinds import kind_by_name

    kind = kind_by_name(base_model)
    if kind is not None:
        yield (
            f"base_model {base_model} is by its name {kind}, which is not supported yet: `dbsweep run` refuses it, and "
            "what is forecast here is for a model of Stable Diffusion 1's size"
        )


def _absent_notes(experiment: Experiment) -> Iterator[str]:
    """Which models are not where the file says; no error, for what is planned here may run elsewhere."""
    named = [("base_model", experiment.base_model), ("vae", experiment.vae)]
    named += [("grids: into", into) for into in experiment.custom_models]
    for what, source in named:
        if source is not None and _is_absent(source):
            size = ", and what is forecast here is for one of Stable Diffusion 1's size" if what == "base_model" else ""
            yield f"{what} {source}: no such folder or file here; check the path. `dbsweep run` refuses it{size}"


def _is_absent(source: str) -> bool:
    from dbsweep.models.sources import is_hub_id
    from dbsweep.sweep.storage import run_of

    path = Path(resolve_model(source))
    in_a_run = run_of(path) is not None  # whose storage alone may have the checkpoint
    return not (is_hub_id(source) or path.exists() or in_a_run)


def _photo_notes(experiment: Experiment, plan: Plan) -> Iterator[str]:
    """What is to be said of photos and captions, concept by concept, and of all concepts together."""
    from dbsweep.concepts.caption_warnings import caption_warnings, lost_token
    from dbsweep.concepts.cropped import cropped_sentence
    from dbsweep.concepts.doubles import doubled_files, parted_pieces
    from dbsweep.concepts.enlarged import enlarged_sentence
    from dbsweep.concepts.framing import Framing
    from dbsweep.concepts.mask_warnings import mask_sentences
    from dbsweep.concepts.photo_sets import (
        held_out_sentence,
        shared_folders,
        trained_elsewhere,
        unread_folders,
        unset_repeats,
    )
    from dbsweep.concepts.prompt_warnings import named_elsewhere, prompt_warnings

    trains = [experiment.train.model_copy(update=trial.settings) for trial in plan.trials]
    framings = set(map(Framing.of, trains))
    for concept in experiment.concepts:
        of = f"{concept.instance_token}: " if len(experiment.concepts) > 1 else ""
        warnings = (*prompt_warnings(concept), *caption_warnings(concept))
        yield from (f"{of}{warning}" for warning in warnings)
        sentences = (
            lost_token(concept, trains),
            unset_repeats(concept),
            held_out_sentence(concept),
            doubled_files(concept),
            parted_pieces(concept),
            enlarged_sentence(concept, framings),
            cropped_sentence(concept, framings),
        )
        yield from (sentence for sentence in sentences if sentence is not None)
    yield from mask_sentences(experiment, framings)
    yield from named_elsewhere(experiment.concepts)
    yield from shared_folders(experiment.concepts)
    yield from trained_elsewhere(experiment.concepts)
    yield from unread_folders(experiment.concepts)


def local_rates(experiment: Experiment) -> Rates:
    """How fast this machine trains and draws, as far as it is known."""
    from dbsweep.plan.rates import rates_for

    experiment = with_base_of_base(experiment)
    resources = experiment.resources
    workers = int((os.cpu_count() or 1) / resources.cpus_per_trial)
    gpus = ask_driver("name") if resources.gpus_per_trial else ()
    if gpus:
        workers = min(workers, int(len(gpus) / resources.gpus_per_trial))
    return rates_for(experiment, workers=max(1, workers), gpu=gpus[0] if gpus else None)
