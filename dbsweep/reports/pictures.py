"""Pictures as the report knows them: files, words for those who cannot see them, and which prompt they show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dbsweep.records.names import PromptKind
from dbsweep.records.results import SampleImage, Scorecard

KIND_NAMES: Final = {
    PromptKind.INSTANCE: "subject",
    PromptKind.SANITY: "sanity prompt",
    PromptKind.CLASS: "class, without the subject",
}

_KIND_ORDER: Final = tuple(PromptKind)


@dataclass(frozen=True, slots=True)
class Picture:
    """Images that are shown as one: the seeds of one prompt at one checkpoint, or one photo.

    Attributes:
        paths: absolute paths; they may be missing on disk.
        alt: what is to be seen, for screen readers.
        caption: the line under the enlarged picture.
    """

    paths: tuple[Path, ...]
    alt: str
    caption: str


@dataclass(frozen=True, slots=True, order=True)
class PromptKey:
    """Identifies a prompt across checkpoints; sorts as the report shows them: subject, sanity, class."""

    concept: int
    order: int
    index: int

    @classmethod
    def of(cls, image: SampleImage) -> PromptKey:
        """The key of the prompt that an image was drawn for."""
        return cls(image.concept, _KIND_ORDER.index(image.kind), image.prompt_index)

    @property
    def kind(self) -> PromptKind:
        """Why the prompt is drawn."""
        return _KIND_ORDER[self.order]


def images_by_prompt(card: Scorecard | None) -> Mapping[PromptKey, tuple[SampleImage, ...]]:
    """The images of a scorecard by prompt, each prompt's by rising seed; empty without a scorecard."""
    groups: dict[PromptKey, list[SampleImage]] = {}
    for image in card.images if card is not None else ():
        groups.setdefault(PromptKey.of(image), []).append(image)
    return {key: tuple(sorted(groups[key], key=lambda image: image.seed)) for key in sorted(groups)}


def picture_of(images: tuple[SampleImage, ...], where: str, run_folder: Path) -> Picture:
    """One picture of all seeds of a prompt.

    Args:
        images: at least one; all of the same prompt.
        where: which weights drew them, e.g. ``t014, epoch 40``.
        run_folder: the images' paths are relative to it.
    """
    prompt = images[0].prompt
    seeds = ", ".join(str(image.seed) for image in images)
    return Picture(
        paths=tuple(run_folder / image.path for image in images),
        alt=f"“{prompt}” by {where}",
        caption=f"{where} · “{prompt}” · {'seeds' if len(images) > 1 else 'seed'} {seeds}",
    )
