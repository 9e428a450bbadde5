"""What a weight file says about itself: Stability AI's ModelSpec, read by A1111, ComfyUI and model managers."""

from __future__ import annotations

import json

from pydantic import Field

from dbsweep import __version__
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.single_file.ldm_layout import is_open_clip
from dbsweep.records.record import Record, Scalar

MODELSPEC_VERSION = "1.0.0"
LDM_CODE = "https://github.com/Stability-AI/generative-models"
"""ModelSpec's name of the code whose weight names a single file has, as kohya's scripts write it."""


class Origin(Record):
    """Where exported weights come from; all of it is written into their file.

    Attributes:
        title: for the model lists of other programs.
        date: when the training began, ISO 8601.
        resolution: side of the training images, pixels.
        trigger_phrase: words that call up the subject: the instance tokens.
        clip_skip: 1 for the text encoder's last layer, 2 for the last but one: what trains so is drawn so.
        base_sha256: `StableDiffusion.sha256` of the base model.
        checkpoint: ``RUN@b01-000120``.
        settings: of the training: what its run swept, and what is not the default.
        kohya: what a LoRA file of kohya's kind says besides (`dbsweep.models.export.kohya_metadata`).
    """

    title: str
    date: str
    resolution: int
    trigger_phrase: str = ""
    clip_skip: int = 1
    base_sha256: str = ""
    checkpoint: str = ""
    settings: dict[str, Scalar] = Field(default_factory=dict)
    kohya: dict[str, str] = Field(default_factory=dict)


class MergePart(Record):
    """One of the models that a merge is of.

    Attributes:
        name: without folders.
        sha256: of the file; of a folder's or a checkpoint's weights (`StableDiffusion.sha256`).
        old: A1111's model hash until January 2023; None where there is no file.
    """

    name: str
    sha256: str
    old: str | None = None


def architecture(models: StableDiffusion) -> str:
    """ModelSpec's id of the model's family."""
    if not is_open_clip(models):
        return "stable-diffusion-v1"
    return "stable-diffusion-v2-768-v" if models.prediction_type == "v_prediction" else "stable-diffusion-v2-512"


def describe(
    models: StableDiffusion, origin: Origin, *, suffix: str = "", implementation: str = LDM_CODE
) -> dict[str, str]:
    """The metadata of a weight file; ``suffix`` is the adapter's kind: ``/lora``."""
    fields = {
        "modelspec.sai_model_spec": MODELSPEC_VERSION,
        "modelspec.architecture": architecture(models) + suffix,
        "modelspec.implementation": implementation,
        "modelspec.title": origin.title,
        "modelspec.date": origin.date,
        "modelspec.resolution": f"{origin.resolution}x{origin.resolution}",
        "modelspec.prediction_type": "v" if models.prediction_type == "v_prediction" else "epsilon",
        "modelspec.trigger_phrase": origin.trigger_phrase,
        "modelspec.encoder_layer": str(origin.clip_skip) if origin.clip_skip > 1 else "",  # as kohya's scripts write it
        "dbsweep.version": __version__,
        "dbsweep.base_sha256": origin.base_sha256,
        "dbsweep.checkpoint": origin.checkpoint,
        "dbsweep.settings": json.dumps(origin.settings, sort_keys=True) if origin.settings else "",
    }
    return {key: value for key, value in fields.items() if value != ""}


def describe_merge(custom: MergePart, trained: MergePart, base: MergePart, multiplier: float) -> dict[str, str]:
    """What the file of a merge says besides: by the keys of A1111's checkpoint merger and ModelSpec's."""
    recipe = {
        "type": "dbsweep",
        "interp_method": "Add difference",
        "multiplier": multiplier,
        "primary_model_hash": custom.sha256,
        "secondary_model_hash": trained.sha256,
        "tertiary_model_hash": base.sha256,
    }
    parts = (custom, trained, base)
    return {
        "sd_merge_recipe": json.dumps(recipe),
        "sd_merge_models": json.dumps({part.sha256: {"name": part.name, "legacy_hash": part.old} for part in parts}),
        "modelspec.merged_from": ", ".join(dict.fromkeys(part.name for part in parts)),
    }
