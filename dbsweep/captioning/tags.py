"""Tags of a booru tagger: its list of them, and which ones a picture gets."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dbsweep.errors import ModelError

TAG_FILE = "selected_tags.csv"
"""Beside the weights of SmilingWolf's taggers: a tag a line, in the order of the outputs."""


class Category(IntEnum):
    """Danbooru's; 9 is the taggers' own."""

    GENERAL = 0
    CHARACTER = 4
    RATING = 9


@dataclass(frozen=True, slots=True)
class Tag:
    """One output of a tagger.

    Attributes:
        category: a `Category`, or another number, of tags that are never written.
    """

    name: str
    category: int


def read_tags(file: Path) -> tuple[Tag, ...]:
    """The tags of a ``selected_tags.csv``.

    Raises:
        ModelError: it cannot be read, or has no columns ``name`` and ``category``.
    """
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            return tuple(Tag(row["name"], int(row["category"])) for row in csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ModelError(f"{file} cannot be read ({error}): get it again") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{file} is not a tagger's list: it has no columns name and category, the second of whole numbers; get it"
            " again"
        ) from error


def chosen_tags(
    tags: Sequence[Tag], probabilities: npt.NDArray[np.float32], threshold: float, character_threshold: float
) -> tuple[str, ...]:
    """What is written of a picture: the surest first, so that a cut takes the least sure; ratings are left out.

    Args:
        probabilities: (n_tags,), 0 to 1.
        threshold, character_threshold: the least of a general tag, and of one that names a character.
    """
    least: dict[int, float] = {Category.GENERAL: threshold, Category.CHARACTER: character_threshold}
    found = [
        (float(probability), tag.name)
        for tag, probability in zip(tags, probabilities, strict=True)
        if probability >= least.get(tag.category, np.inf)
    ]
    return tuple(spoken(name) for _, name in sorted(found, key=lambda pair: -pair[0]))


def spoken(name: str) -> str:
    """``looking_at_viewer`` as ``looking at viewer``; a face such as ``^_^`` or ``o_o`` as it is."""
    is_face = all(len(re.findall(r"[^\W_]", part)) <= 1 for part in name.split("_"))
    return name if is_face else name.replace("_", " ")
