"""What a subject of `benchmarks.selection` is taught on, and the experiment file of its sweep.

Subjects differ in looks, in class (man, woman, robot) and in the number of photos, as users' do. All are taught for
`EPOCHS`, so those with few photos get few steps, and no learning rate is right for everyone. Of the styles in which a
subject can be told its user wants two, drawn by the subject's seed, and asks the product for them, as users are told
to do. The oracle asks for the same two in other words. Both do after the words of the instance prompt, as users do, and
with the style first, where it is lost much later. In `--sweep other_styles` the product is asked for the two others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from benchmarks.cached_sweeps import SubjectSweep, SweepShape
from dbsweep.minisd.attributes import Style

EPOCHS, EVERY_EPOCHS = 32, 4
PHOTO_COUNTS: Final = (4, 8, 12, 16)
"""Photos that subjects are taught on, in turn."""
TOLD_IN: Final[tuple[Style, ...]] = ("watercolor", "comic", "pixel art", "pop art")
"""Styles in which MiniSD keeps what tells a subject from others."""
PHRASINGS: Final = ("photo of {{}}, {} style", "{} portrait of {{}}")
"""Of the product's two sanity prompts."""
EVALUATE: Final[Mapping[str, Any]] = {"images_per_prompt": 4, "num_inference_steps": 15}
SweepName: TypeAlias = Literal["rates", "other_styles", "long", "settings", "lora"]
SWEPT: Final[Mapping[SweepName, Mapping[str, Sequence[float]]]] = {
    "rates": {},
    "other_styles": {},
    "long": {},
    "settings": {"class_images_per_instance": (0, 2), "text_encoder_ratio": (0.0, 1.0)},
    "lora": {"learning_rate": (5e-4, 1.5e-3, 4.5e-3)},
}
"""What is swept beside the learning rate, or which other rates. No two trials have a step in common."""
OTHERS: Final = {sweep: tuple(name for name in swept if name != "learning_rate") for sweep, swept in SWEPT.items()}
"""Names of what is swept beside the learning rate."""
TRAIN: Final[Mapping[SweepName, Mapping[str, Any]]] = {
    "rates": {},
    "other_styles": {},
    "long": {},
    "settings": {},
    "lora": {"lora_rank": 8},
}
"""What is trained in another way than by default."""
TIMES_AS_LONG: Final[Mapping[SweepName, int]] = {
    "rates": 1,
    "other_styles": 1,
    "long": 2,
    "settings": 1,
    "lora": 1,
}
"""Epochs of a sweep, in `EPOCHS`."""
MOST_IMAGES: Final = 16
"""Seeds a prompt of the base model, and of what raced when the curves were made: as many as a race draws by default."""


def photo_count(seed: int) -> int:
    """How many photos a subject is taught on."""
    return PHOTO_COUNTS[seed % len(PHOTO_COUNTS)]


def wanted_styles(seed: int) -> tuple[Style, ...]:
    """The styles that the oracle asks for, in the order of `TOLD_IN`."""
    return tuple(style for style in TOLD_IN if style not in _dealt(seed)[: len(PHRASINGS)])


def sanity_styles(seed: int, sweep: SweepName = "rates") -> tuple[Style, ...]:
    """The styles that the product asks for, in the order of `PHRASINGS`."""
    dealt = _dealt(seed)
    return dealt[: len(PHRASINGS)] if sweep == "other_styles" else dealt[len(PHRASINGS) :]


def _dealt(seed: int) -> tuple[Style, ...]:
    """`TOLD_IN` in an order of this subject's."""
    order = np.random.default_rng(seed).permutation(len(TOLD_IN))
    return tuple(TOLD_IN[place] for place in order)


@dataclass(frozen=True)
class SubjectPlan(SubjectSweep):
    """The sweep of one subject.

    Attributes:
        sweep: what is swept.
    """

    sweep: SweepName = "rates"

    @property
    def name(self) -> str:
        """Of the files of this sweep."""
        return f"{self.seed:05d}" + ("" if self.sweep == "rates" else f"-{self.sweep}")

    @property
    def folder(self) -> Path:
        """Of this sweep."""
        return self.cache / f"subject-{self.name}"

    @property
    def run_folder(self) -> Path:
        """Beside what the oracle judges."""
        return self.folder / "run"

    @property
    def shape(self) -> SweepShape:
        """As many photos as `photo_count` says, for `EPOCHS` or for twice as many."""
        photos, styles = photo_count(self.seed), sanity_styles(self.seed, self.sweep)
        sanity = [phrase.format(style) for phrase, style in zip(PHRASINGS, styles, strict=True)]
        return SweepShape(
            photos,
            EPOCHS * TIMES_AS_LONG[self.sweep] * photos,
            EVERY_EPOCHS * photos,
            sanity,
            {**EVALUATE, "race": {"images_per_prompt": MOST_IMAGES}},
            SWEPT[self.sweep],
            TRAIN[self.sweep],
        )
