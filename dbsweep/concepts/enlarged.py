"""Photos with fewer pixels than train: what is enlarged teaches its blur."""

from __future__ import annotations

from collections.abc import Iterable

from dbsweep.concepts.framing import Framing
from dbsweep.concepts.photo_sets import known_sizes, training_photos
from dbsweep.concepts.windows import enlargement
from dbsweep.config.concept import Concept
from dbsweep.config.messages import counted

_SHOWS = 1.1
"""Enlargement that is worth a word; less does not show."""


def enlarged_sentence(concept: Concept, framings: Iterable[Framing]) -> str | None:
    """Which photos of a concept are enlarged to train, for the plan; None where none is.

    Args:
        framings: how the trials cut photos.
    """
    photos, framings = training_photos(concept), tuple(framings)
    found: list[tuple[float, str]] = []
    for name, size in known_sizes(concept).items():
        factor, (width, height) = max((enlargement(size, cut), cut) for cut in {each.cut(size) for each in framings})
        if factor > _SHOWS:
            found.append((factor, f"{name} from {size[0]}×{size[1]} to {width}×{height} pixels"))
    if not found:
        return None
    most, worst = max(found, key=lambda each: each[0])
    are, them = ("is", "it") if len(found) == 1 else ("are", "them")
    return (
        f"{concept.instance_token}: {len(found)} of {counted(len(photos), 'photo')} {are} too small and enlarged to"
        f" train, up to {most:.1f} times ({worst}): the blur is learned too; take larger ones, or leave {them} out"
    )
