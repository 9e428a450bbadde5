"""What a subject of `benchmarks.selection` is taught on, and the experiment file of its sweep.

Subjects differ in looks, in class (man, woman, robot) and in the number of photos, as users' do. Of each learning rate
there is a checkpoint every 24 steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.cached_sweeps import SubjectSweep, SweepShape

EVERY_STEPS: Final = 24
PHOTO_COUNTS: Final = (4, 6, 8, 12)
"""Photos that subjects are taught on, in turn; all divide `EVERY_STEPS`."""
STYLES: Final = ("ink poster", "neon")
EVALUATE: Final[Mapping[str, Any]] = {"images_per_prompt": 4, "num_inference_steps": 15}


def photo_count(seed: int) -> int:
    """How many photos a subject is taught on."""
    return PHOTO_COUNTS[seed % len(PHOTO_COUNTS)]


@dataclass(frozen=True)
class SubjectPlan(SubjectSweep):
    """The sweep of one subject."""

    @property
    def folder(self) -> Path:
        """Of this subject."""
        return self.cache / f"subject-{self.seed:05d}"

    @property
    def run_folder(self) -> Path:
        """Beside what the oracle judges."""
        return self.folder / "run"

    @property
    def shape(self) -> SweepShape:
        """Two styles, and as many photos as `photo_count` says."""
        return SweepShape(photo_count(self.seed), EVERY_STEPS, STYLES, EVALUATE)
