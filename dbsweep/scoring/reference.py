"""What scores are measured against: the photos, and what the untrained base model draws for the same prompts."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dbsweep.concepts.photos import MIN_CONTRAST
from dbsweep.errors import ModelError, RunError
from dbsweep.records.names import PromptKind
from dbsweep.sampling.grammar import plain_text
from dbsweep.scoring.encoders import Embeddings, Encoder, ImageEncoder, Pixels
from dbsweep.scoring.likeness import Likeness, build_likeness
from dbsweep.scoring.prompts import EvaluationPrompt, PromptKey
from dbsweep.scoring.quality import Features, image_features


@dataclass(frozen=True, eq=False)
class Reference:
    """Embeddings of photos, of the base model's images and of the prompts, by one encoder.

    Attributes:
        encoder: its name.
        seeds: of every prompt, in the order of the rows of `base`.
        photos: for each concept (n_photos, d).
        prompts: the `base_prompt` of each prompt of the evaluation, in the order of all samples.
        base: for each prompt (n_seeds, d), what the base model draws for its `base_prompt`.
        texts: for each prompt (d,), the words of its `base_prompt`, which weigh alike to this encoder.
        photo_features: for each concept (n_photos, 2); base_features: for each prompt (n_seeds, 2); see
            `dbsweep.scoring.quality.image_features`.
        held_out: for each concept (n, d), photos that are not trained; n may be 0.
        likeness: what identity is measured against where that has an encoder of its own.
    """

    encoder: str
    seeds: tuple[int, ...]
    photos: tuple[Embeddings, ...]
    prompts: Mapping[PromptKey, str]
    base: Mapping[PromptKey, Embeddings]
    texts: Mapping[PromptKey, Embeddings]
    photo_features: tuple[Features, ...]
    base_features: Mapping[PromptKey, Features]
    held_out: tuple[Embeddings, ...]
    likeness: Likeness | None = None

    @property
    def has_held_out(self) -> bool:
        """Whether any concept has photos that are not trained."""
        return any(len(rows) > 0 for rows in self.held_out)

    def save(self, path: Path) -> None:
        """Write an .npz file; the place holds the old file or the whole new one."""
        keys = list(self.prompts)
        prompts = [[kind.value, concept, place, text] for (kind, concept, place), text in self.prompts.items()]
        head = {"encoder": self.encoder, "prompts": prompts, "likeness": self.likeness and self.likeness.encoder}
        arrays: dict[str, Any] = {"head": np.array(json.dumps(head)), "seeds": np.array(self.seeds, dtype=np.int64)}
        arrays |= {f"photos{index}": rows for index, rows in enumerate(self.photos)}
        arrays |= {f"base{index}": self.base[key] for index, key in enumerate(keys)}
        arrays |= {f"text{index}": self.texts[key] for index, key in enumerate(keys)}
        arrays |= {f"features{index}": self.base_features[key] for index, key in enumerate(keys)}
        arrays |= {f"seen{index}": rows for index, rows in enumerate(self.photo_features)}
        arrays |= {f"unseen{index}": rows for index, rows in enumerate(self.held_out)}
        if self.likeness is not None:
            arrays |= {f"likephotos{index}": rows for index, rows in enumerate(self.likeness.photos)}
            arrays |= {f"likebase{index}": self.likeness.base.get(key, np.zeros(0)) for index, key in enumerate(keys)}
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.write_bytes(buffer.getvalue())
        fresh.replace(path)

    @classmethod
    def load(cls, path: Path) -> Reference:
        """Read what `save` wrote.

        Raises:
            RunError: the file is missing or damaged.
        """
        try:
            # From memory: NumPy leaves the file of a damaged archive open.
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
                head = json.loads(str(arrays["head"]))
                prompts = {(PromptKind(kind), concept, place): text for kind, concept, place, text in head["prompts"]}
                photos = sum(name.startswith("photos") for name in arrays)
                return cls(
                    encoder=head["encoder"],
                    seeds=tuple(arrays["seeds"].tolist()),
                    photos=tuple(arrays[f"photos{index}"] for index in range(photos)),
                    prompts=prompts,
                    base={key: arrays[f"base{index}"] for index, key in enumerate(prompts)},
                    texts={key: arrays[f"text{index}"] for index, key in enumerate(prompts)},
                    photo_features=tuple(arrays[f"seen{index}"] for index in range(photos)),
                    base_features={key: arrays[f"features{index}"] for index, key in enumerate(prompts)},
                    held_out=tuple(arrays.get(f"unseen{i}", arrays[f"photos{i}"][:0]) for i in range(photos)),
                    likeness=_likeness(head.get("likeness"), arrays, list(prompts), photos),
                )
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise RunError(f"cannot read the reference scores {str(path)!r}: {error}; delete the file") from error


def _likeness(
    encoder: str | None, arrays: Mapping[str, Embeddings], keys: Sequence[PromptKey], photos: int
) -> Likeness | None:
    if encoder is None:
        return None
    return Likeness(
        encoder=encoder,
        photos=tuple(arrays[f"likephotos{index}"] for index in range(photos)),
        base={key: arrays[f"likebase{i}"] for i, key in enumerate(keys) if key[0] is PromptKind.INSTANCE},
    )


def build_reference(
    prompts: Sequence[EvaluationPrompt],
    seeds: Sequence[int],
    base_images: Mapping[str, Sequence[Pixels]],
    photos: Sequence[Sequence[Pixels]],
    encoder: Encoder,
    held_out: Sequence[Sequence[Pixels]] = (),
    identity_encoder: ImageEncoder | None = None,
) -> Reference:
    """Embed everything that checkpoints will be compared with.

    Args:
        prompts: of the evaluation.
        seeds: at least two, drawn for every prompt at every checkpoint.
        base_images: for each distinct `base_prompt`, what the base model drew: one image a seed, in the order of
            `seeds`.
        photos: for each concept its photos, square, at training resolution.
        encoder: embeds images and texts.
        held_out: for each concept its photos that are not trained, if there are any.
        identity_encoder: measures identity in place of `encoder`.

    Raises:
        ModelError: an image of the base model shows nothing.
        InputError: no photo shows what the encoder of identity looks for.
    """
    _check_pictures(seeds, base_images)
    drawn = {prompt: encoder.encode_images(images) for prompt, images in base_images.items()}
    features = {prompt: image_features(images) for prompt, images in base_images.items()}
    texts = encoder.encode_texts([plain_text(prompt.base_prompt) for prompt in prompts])
    embedded = tuple(encoder.encode_images(images) for images in photos)
    unseen = zip(embedded, held_out or [()] * len(embedded), strict=True)
    return Reference(
        encoder=encoder.name,
        seeds=tuple(seeds),
        photos=embedded,
        prompts={prompt.key: prompt.base_prompt for prompt in prompts},
        base={prompt.key: drawn[prompt.base_prompt] for prompt in prompts},
        texts={prompt.key: text for prompt, text in zip(prompts, texts, strict=True)},
        photo_features=tuple(image_features(images) for images in photos),
        base_features={prompt.key: features[prompt.base_prompt] for prompt in prompts},
        held_out=tuple(encoder.encode_images(images) if images else rows[:0] for rows, images in unseen),
        likeness=None if identity_encoder is None else build_likeness(prompts, base_images, photos, identity_encoder),
    )


def _check_pictures(seeds: Sequence[int], base_images: Mapping[str, Sequence[Pixels]]) -> None:
    for prompt, images in base_images.items():
        blank = [seed for seed, image in zip(seeds, images, strict=True) if shows_nothing(image)]
        if blank:
            raise ModelError(
                f"the base model draws a blank image for {prompt!r} with seed {blank[0]}: it cannot be used"
            )


def shows_nothing(image: Pixels) -> bool:
    """Whether an image is one flat colour, as from weights that are NaN."""
    return float(image.std(axis=(0, 1)).max()) < MIN_CONTRAST
