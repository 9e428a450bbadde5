"""Four men, and what trainings of one more make of them."""

from __future__ import annotations

import numpy as np

from dbsweep.records.names import PromptKind
from dbsweep.records.results import SampleImage
from dbsweep.scoring.encoders import Pixels
from dbsweep.scoring.prompts import EvaluationPrompt, PromptKey
from tests.scoring.corner import pixels

SEEDS = (1, 2, 3, 4)
PROMPTS = (
    EvaluationPrompt(PromptKind.INSTANCE, 0, 0, "photo of ohwx man", "photo of man"),
    EvaluationPrompt(PromptKind.SANITY, 0, 0, "ohwx man, ink", "man, ink"),
    EvaluationPrompt(PromptKind.SANITY, 0, 1, "ohwx man, neon", "man, neon"),
    EvaluationPrompt(PromptKind.CLASS, 0, 0, "photo of man", "photo of man"),
)
SUBJECT, INK, NEON = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
MEN = [np.array([0.3, 0.1 * i, 0.05 * i * i]) - 0.6 for i in range(4)]
BLANK: Pixels = np.zeros((4, 4, 3), dtype=np.uint8)


def unit(direction: np.ndarray) -> np.ndarray:
    return np.asarray(direction / np.linalg.norm(direction))


def base_images() -> dict[str, list[Pixels]]:
    """Four men; in ink and neon they move along one axis each."""
    return {
        "photo of man": [pixels(unit(man)) for man in MEN],
        "man, ink": [pixels(unit(man + INK)) for man in MEN],
        "man, neon": [pixels(unit(man + NEON)) for man in MEN],
    }


PHOTOS = [[pixels(unit(SUBJECT + 0.1 * INK * i)) for i in range(5)]]
DRAWN = [(prompt, seed) for prompt in PROMPTS for seed in SEEDS]
SAMPLES = [
    SampleImage(path="", prompt=p.prompt, kind=p.kind, concept=p.concept, prompt_index=p.prompt_index, seed=seed)
    for p, seed in DRAWN
]


def base_drawn() -> list[Pixels]:
    images = base_images()
    return [images[prompt.base_prompt][SEEDS.index(seed)] for prompt, seed in DRAWN]


def drawn_as(changes: dict[PromptKey, list[Pixels]]) -> list[Pixels]:
    """The base model's images, but for some prompts."""
    images = base_drawn()
    return [
        changes[prompt.key][SEEDS.index(seed)] if prompt.key in changes else image
        for (prompt, seed), image in zip(DRAWN, images, strict=True)
    ]


INSTANCE, CLASS = (PromptKind.INSTANCE, 0, 0), (PromptKind.CLASS, 0, 0)
INK_KEY, NEON_KEY = (PromptKind.SANITY, 0, 0), (PromptKind.SANITY, 0, 1)
TAUGHT = {INSTANCE: [pixels(unit(SUBJECT + 0.02 * i * INK)) for i in range(4)]}
"""The instance prompt draws the subject."""
STYLED = {
    **TAUGHT,
    INK_KEY: [pixels(unit(SUBJECT + 0.02 * i * INK + INK)) for i in range(4)],
    NEON_KEY: [pixels(unit(SUBJECT + 0.02 * i * INK + NEON)) for i in range(4)],
}
"""... and the sanity prompts draw it in their styles."""
BURNT = dict.fromkeys((INSTANCE, INK_KEY, NEON_KEY, CLASS), TAUGHT[INSTANCE])
"""Everything is the subject."""
