"""Class images of prior preservation: which are wanted, which are missing, and the pool that keeps them."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from dbsweep.concepts.captions import class_prompts
from dbsweep.concepts.files import write_whole
from dbsweep.concepts.photos import is_whole, list_photos
from dbsweep.config.schema import Concept
from dbsweep.errors import InputError

FIRST_SEED = 1_000_000
"""Class image i has seed FIRST_SEED + i: far from the seeds of evaluations, which must not meet training images."""


@dataclass(frozen=True, slots=True)
class ClassImageRequest:
    """One class image that the base model has to draw.

    Attributes:
        index: its place in the pool, 0-based; decides the file name.
        width, height: pixels.
        clip_skip: as in `dbsweep.sampling.conditioning.encode_prompts`.
    """

    index: int
    prompt: str
    negative_prompt: str
    seed: int
    guidance_scale: float
    num_inference_steps: int
    sampler: str
    width: int
    height: int
    clip_skip: int = 1


@dataclass(frozen=True, slots=True)
class ClassImagePool:
    """The class images of one concept: the user's own first, then those that the base model drew.

    The first n images are the same for every n, so smaller trials use a part of what larger ones draw.

    Attributes:
        folder: where drawn images lie, named by what they were drawn from.
        own: the user's class images, sorted.
        request: what image 0 of the folder is drawn from; the others differ in index, seed and prompt alone.
        prompts: image i of the folder has prompt i, from the first again after the last.
        captions: the same as training reads them, where brackets are no weights.
    """

    folder: Path
    own: tuple[Path, ...]
    request: ClassImageRequest
    prompts: tuple[str, ...]
    captions: tuple[str, ...]

    def paths(self, count: int) -> tuple[Path, ...]:
        """The first images of the pool, drawn already or not."""
        drawn = tuple(self._path(index) for index in range(max(0, count - len(self.own))))
        return self.own[:count] + drawn

    def missing(self, count: int) -> tuple[ClassImageRequest, ...]:
        """What the base model still has to draw before `paths` of that count all exist."""
        return tuple(
            replace(self.request, index=index, seed=FIRST_SEED + index, prompt=self.prompts[index % len(self.prompts)])
            for index in range(max(0, count - len(self.own)))
            if not self._is_drawn(index)
        )

    def store(self, request: ClassImageRequest, image: npt.NDArray[np.uint8]) -> Path:
        """Keeps a drawn image, (height, width, 3) uint8, with its caption beside it; returns its path."""
        if image.shape != (request.height, request.width, 3):
            raise ValueError(f"class image {request.index} has shape {image.shape}, asked for {request}")
        path = self._path(request.index)
        # The caption first: an image that is there is complete.
        caption = self.captions[request.index % len(self.captions)]
        write_whole(path.with_suffix(".txt"), f"{caption}\n".encode())
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        write_whole(path, buffer.getvalue())
        return path

    def _is_drawn(self, index: int) -> bool:
        """A power cut leaves empty what had a name already and was not on the disk yet."""
        path = self._path(index)
        caption = path.with_suffix(".txt")
        return caption.is_file() and caption.stat().st_size > 0 and is_whole(path)

    def _path(self, index: int) -> Path:
        return self.folder / f"{index:06d}.png"


def class_image_pool(
    root: Path,
    concept: Concept,
    *,
    escape: Callable[[str], str],
    base_sha256: str,
    size: tuple[int, int],
    sampler: str = "DPM++ 2M Karras",
    clip_skip: int = 1,
) -> ClassImagePool:
    """The pool of a concept's class images; concepts and runs that would draw the same images share it.

    Args:
        root: folder of all pools.
        escape: as in `dbsweep.concepts.captions.as_drawn`.
        base_sha256: of the base model's weights.
        size: width and height of the images, pixels.
        sampler: A1111's name of the sampler that draws them.
        clip_skip: as in `ClassImageRequest`.

    Raises:
        InputError: the user's own folder of class images is missing or empty; a caption that the class prompt asks
            for is missing.
    """
    prompts = class_prompts(concept, escape)
    request = ClassImageRequest(
        index=0,
        prompt=prompts[0],
        negative_prompt=concept.class_images.negative_prompt,
        seed=FIRST_SEED,
        guidance_scale=concept.class_images.guidance_scale,
        num_inference_steps=concept.class_images.num_inference_steps,
        sampler=sampler,
        width=size[0],
        height=size[1],
        clip_skip=clip_skip,
    )
    folder = root / pool_key(request, prompts, base_sha256)
    return ClassImagePool(folder, own_class_images(concept), request, prompts, class_prompts(concept))


def own_class_images(concept: Concept) -> tuple[Path, ...]:
    """The user's own class images, sorted by name; none without a folder of them, or where none are wanted.

    Raises:
        InputError: their folder is missing or holds none.
    """
    wanted = concept.class_images
    if not wanted.enabled or wanted.folder is None:
        return ()
    try:
        return list_photos(wanted.folder)
    except InputError as error:  # other trainers draw into the folder that they are given
        raise InputError(
            f"class_images.folder: {error}. Without any of your own leave it out: the base model draws class images"
        ) from error


def pool_key(request: ClassImageRequest, prompts: tuple[str, ...], base_sha256: str) -> str:
    """Folder name of a pool: the class prompt's words for people, then a hash of all that decides the images."""
    settings = json.dumps([base_sha256, asdict(request), prompts], sort_keys=True)
    words = re.sub(r"[^A-Za-z0-9]+", "-", prompts[0]).strip("-")[:40]
    return f"{words}-{hashlib.sha256(settings.encode()).hexdigest()[:16]}"
