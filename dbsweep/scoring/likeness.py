"""Identity by an encoder of its own: photos and the base model's class images as it sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dbsweep.config.messages import counted
from dbsweep.errors import InputError
from dbsweep.records.names import PromptKind
from dbsweep.scoring.encoders import Embeddings, ImageEncoder, Pixels
from dbsweep.scoring.prompts import EvaluationPrompt, PromptKey

FACE = "face:"
"""How the name of an encoder begins that sees faces alone."""


@dataclass(frozen=True, eq=False)
class Likeness:
    """What identity is measured against. Rows are NaN where the encoder sees nothing (no face).

    Attributes:
        encoder: its name.
        photos: for each concept (n_photos, d).
        base: for each instance prompt (n_seeds, d), what the base model draws for its `base_prompt`.
    """

    encoder: str
    photos: tuple[Embeddings, ...]
    base: Mapping[PromptKey, Embeddings]

    @property
    def sees_faces(self) -> bool:
        """Whether an image may hold nothing for it."""
        return self.encoder.startswith(FACE)


def build_likeness(
    prompts: Sequence[EvaluationPrompt],
    base_images: Mapping[str, Sequence[Pixels]],
    photos: Sequence[Sequence[Pixels]],
    encoder: ImageEncoder,
) -> Likeness:
    """Embed photos and the base model's images of the instance prompts; see `dbsweep.scoring.reference`.

    Raises:
        InputError: no photo of a concept shows what the encoder looks for.
    """
    embedded = tuple(encoder.encode_images(images) for images in photos)
    for concept, rows in enumerate(embedded):
        if not np.isfinite(rows).all(axis=1).any():
            raise InputError(
                f"concepts[{concept}]: {encoder.name} finds no face in any of {counted(len(rows), 'photo')}: "
                "leave evaluate.identity out, or give photos that show the face; if they do, get face_detector again"
            )
    return Likeness(
        encoder=encoder.name,
        photos=embedded,
        base={
            prompt.key: encoder.encode_images(base_images[prompt.base_prompt])
            for prompt in prompts
            if prompt.kind is PromptKind.INSTANCE
        },
    )


def seen(rows: Embeddings) -> Embeddings:
    """The rows that are numbers."""
    finite: Embeddings = rows[np.isfinite(rows).all(axis=1)]
    return finite
