"""Photos of which a crop leaves much off: what is not in the middle of a tall or wide one is not taught."""

from __future__ import annotations

from collections.abc import Iterable

from dbsweep.concepts.framing import Framing
from dbsweep.concepts.photo_sets import known_sizes, training_photos
from dbsweep.concepts.windows import left_off
from dbsweep.config.concept import Concept
from dbsweep.config.messages import counted

_LOST = 0.4
"""Share of a photo that is worth a word: a square has 2/3 of a camera's 3:2, and 9/16 of a phone's whole screen."""


def cropped_sentence(concept: Concept, framings: Iterable[Framing]) -> str | None:
    """Which photos of a concept lose much to the crop, for the plan; None where none does.

    Args:
        framings: how the trials cut photos; several windows of one leave nothing off.
    """
    photos = training_photos(concept)
    centred = [framing for framing in framings if len(framing.places) == 1]
    found: list[tuple[float, str]] = []
    for name, size in known_sizes(concept).items():
        lost = max((left_off(size, framing.cut(size)) for framing in centred), default=0.0)
        if lost > _LOST:
            found.append((lost, f"{name}, {size[0]}×{size[1]} pixels"))
    if not found:
        return None
    most, worst = max(found, key=lambda each: each[0])
    lose, what = ("loses", "its") if len(found) == 1 else ("lose", "their")
    return (
        f"{concept.instance_token}: {len(found)} of {counted(len(photos), 'photo')} {lose} up to {most:.0%} to the crop"
        f" ({worst}): only what is in {what} middle is taught; cut another window with"
        " `dbsweep photos`, or set train.aspect_ratio_buckets"
    )
