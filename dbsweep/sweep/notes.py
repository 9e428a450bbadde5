"""What a person is told before a sweep begins: where their words, sizes and layers do not suit the base model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dbsweep.sweep.named_models import base_source, with_base_of_base

# Rooms that load torch are imported where they are used, so that a sweep's checks start at once.
if TYPE_CHECKING:
    from dbsweep.config.schema import Experiment


def token_warnings(experiment: Experiment) -> tuple[str, ...]:
    """What is to be said of instance tokens that the base model's tokenizer does not read as one word of its own.

    Nothing where the tokenizer has still to be downloaded.
    """
    from dbsweep.concepts.token import shared_pieces, split_token
    from dbsweep.models.tokenizer import find_tokenizer

    tokenizer = find_tokenizer(base_source(with_base_of_base(experiment)).source)
    if tokenizer is None:
        return ()
    splits = [split_token(tokenizer, concept.instance_token) for concept in experiment.concepts]
    return (*(split.warning for split in splits if split.warning is not None), *shared_pieces(splits))


def clip_skip_warnings(experiment: Experiment) -> tuple[str, ...]:
    """What is to be said of a `clip_skip` that the base model is not drawn with, or was not trained with."""
    from dbsweep.models.native_size import skips_a_layer
    from dbsweep.sweep.run_settings import read_experiment
    from dbsweep.sweep.storage import run_of

    given, told = experiment.clip_skip, []
    if given > 1 and skips_a_layer(base_source(with_base_of_base(experiment)).source):
        told.append(
            f"clip_skip is {given}, and the base model is a Stable Diffusion 2, which skips the last layer by itself:"
            " A1111 ignores Clip skip with it and would draw otherwise than this is trained; leave clip_skip out"
        )
    run = run_of(Path(experiment.base_model))
    before = given if run is None else read_experiment(run).clip_skip
    if before != given:
        told.append(
            f"clip_skip is {given}, and the run that the base model comes from was trained with {before}: what it has"
            f" learned is drawn otherwise; set clip_skip: {before}"
        )
    return tuple(told)


def size_warnings(experiment: Experiment) -> tuple[str, ...]:
    """What is to be said of a resolution that the base model was not made for; all is drawn at it, swept or not."""
    from dbsweep.models.native_size import native_size

    made_for = native_size(base_source(with_base_of_base(experiment)).source)
    resolution = experiment.train.resolution
    if made_for in (None, resolution):
        return ()
    return (
        f"train.resolution is {resolution}, and the base model was made for {made_for} × {made_for} pixels: away from "
        f"that size it draws worse; set train.resolution: {made_for}",
    )
