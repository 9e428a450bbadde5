"""What both sides of the training benchmark train: the same model, photos, class images, batch and steps."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dbsweep.minisd.paths import pipeline_path
from dbsweep.minisd.subject import write_subject_photos

SUBJECT: Final = 41
OTHERS: Final = (141, 142, 143, 144)
"""Men whose pictures are the class images: both sides get the same files, so neither has to draw any."""
INSTANCE_PROMPT: Final = "photo of ohwx man"
CLASS_PROMPT: Final = "photo of man"
PHOTOS: Final = 12
CLASS_IMAGES_PER_PHOTO: Final = 4
RESOLUTION: Final = 64
LEARNING_RATE: Final = 6e-5
LORA_RANK: Final = 4
WARM_UP_STEPS: Final = 10
"""Steps of each run that steps/s leave out: memory is touched and kernels are chosen for the first time."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Folders that both sides read."""

    model: Path
    photos: Path
    class_images: Path


@dataclass(frozen=True, slots=True)
class Case:
    """How one trial trains.

    Attributes:
        steps: optimizer steps, a multiple of those of an epoch.
        text_encoder: it trains from the first step to the last, or never.
        lora: a LoRA instead of whole networks.
    """

    steps: int
    text_encoder: bool
    lora: bool = False


def write_inputs(folder: Path) -> Inputs:
    """Draw the photos of the subject and, of other men, the class images."""
    inputs = Inputs(pipeline_path(), folder / "photos", folder / "class_images")
    write_subject_photos(SUBJECT, "man", PHOTOS, inputs.photos)
    inputs.class_images.mkdir()
    for other in OTHERS[:CLASS_IMAGES_PER_PHOTO]:
        write_subject_photos(other, "man", PHOTOS, folder / "others" / str(other))
        for photo in (folder / "others" / str(other)).glob("*.png"):
            shutil.move(photo, inputs.class_images / f"{other}_{photo.name}")
    return inputs


def steps_per_second(times: tuple[float, ...]) -> float:
    """Steps/s after the warm-up, from the moment that each step ended, in seconds.

    Raises:
        ValueError: if there are too few steps.
    """
    if len(times) <= WARM_UP_STEPS + 1:
        raise ValueError(f"{len(times)} steps are too few to measure: at least {WARM_UP_STEPS + 2} are needed")
    return (len(times) - 1 - WARM_UP_STEPS) / (times[-1] - times[WARM_UP_STEPS])
