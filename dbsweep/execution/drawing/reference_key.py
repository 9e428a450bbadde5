"""Whether what the untrained model drew for a run is still what it would draw: then it is not drawn again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np

from dbsweep.concepts.captions import instance_captions
from dbsweep.concepts.photo_sets import held_out_photos
from dbsweep.errors import RunError
from dbsweep.execution.drawing.evaluation import prompts_to_draw
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import SweepJob
from dbsweep.models.durable import new_file
from dbsweep.records.results import Scorecard
from dbsweep.scoring.encoders import Pixels
from dbsweep.scoring.reference import Reference

VERSION = 4
"""Raised when the same inputs are drawn or scored in another way."""


def reference_key(job: SweepJob, base_sha256: str, photos: Sequence[Sequence[Sequence[Pixels]]]) -> str:
    """SHA-256 of all that a reference is made from.

    Args:
        base_sha256: of the base model.
        photos: by use (in training, held out), concept and photo.
    """
    experiment = job.experiment
    # Captions are files of their own: they are in prompts that are drawn, and in those that held-out photos are
    # measured with.
    captions = [c.text() for each in experiment.concepts for c in instance_captions(each, held_out_photos(each))]
    stated = [
        *(VERSION, base_sha256, job.encoder, experiment.train.resolution, experiment.clip_skip),
        experiment.evaluate.model_dump(mode="json"),
        [concept.model_dump(mode="json") for concept in experiment.concepts],
        [(prompt.prompt, prompt.base_prompt) for prompt in prompts_to_draw(experiment)],
        captions,
    ]
    digest = hashlib.sha256(json.dumps(stated, sort_keys=True).encode())
    for image in (image for use in photos for concept in use for image in concept):
        digest.update(f"{image.shape}".encode())
        digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def found_card(run: RunFolder, key: str) -> Scorecard | None:
    """The base model's scorecard, where reference and pictures with this key are there and can be read."""
    try:
        if run.reference_key.read_text(encoding="utf-8") != key:
            return None
        card = Scorecard.model_validate_json(run.base_scorecard.read_text(encoding="utf-8"))
        Reference.load(run.reference)
    except (OSError, ValueError, RunError):
        return None
    return card if all((run.path / image.path).is_file() for image in card.images) else None


def write_key(run: RunFolder, key: str) -> None:
    """Says that reference, scorecard and pictures are whole; written last."""
    with new_file(run.reference_key) as fresh:
        fresh.write_text(key, encoding="utf-8")
