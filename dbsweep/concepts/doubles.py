"""Photos that a concept has under two names: they weigh more than the others, and hide what is learned by heart."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from pathlib import Path

from dbsweep.concepts.photo_sets import held_out_photos, training_photos
from dbsweep.concepts.photos import pixels_sha256
from dbsweep.concepts.prepared import made_of
from dbsweep.config.concept import Concept
from dbsweep.config.messages import counted, first_of
from dbsweep.models.hashes import file_sha256

_NAMED = 3


def doubled_files(concept: Concept) -> str | None:
    """Which photos of a concept are copies of each other, for the plan; None where none are."""
    return _sentence(concept, list(_same(_photos(concept), _size, _content)))


def doubled_pixels(concept: Concept, looks: Mapping[Path, Hashable]) -> str | None:
    """Which photos of a concept show the same in files that differ, for a run that begins; None where none do.

    Args:
        looks: of each photo (`dbsweep.concepts.photos.check_photos`).
    """
    groups = _same(_photos(concept), looks.__getitem__, pixels_sha256)
    return _sentence(concept, [group for group in groups if len(set(map(_content, group))) > 1])


def parted_pieces(concept: Concept) -> str | None:
    """Which held-out pictures are windows or mirrored copies of a photo that trains too, for the plan; None without."""
    held_out = {photo: key for photo in held_out_photos(concept) if (key := made_of(photo)) is not None}
    trained = {made_of(photo) for photo in training_photos(concept)} if held_out else set()
    names = [photo.name for photo, key in held_out.items() if key in trained]
    if not names:
        return None
    return (
        f"{concept.instance_token}: {counted(len(names), 'picture')} that {'is' if len(names) == 1 else 'are'} held out"
        f" ({first_of(names)}) {'was' if len(names) == 1 else 'were'} made by `dbsweep photos` of the same photo as"
        " one that trains, by --split or --flip, which hides memorisation: prepare photos that are to be held out into"
        " a folder of their own, validation_images"
    )


def _photos(concept: Concept) -> tuple[Path, ...]:
    return (*training_photos(concept), *held_out_photos(concept))


def _same(
    photos: Sequence[Path], quick: Callable[[Path], Hashable], exact: Callable[[Path], Hashable]
) -> Iterator[list[Path]]:
    """Photos that are alike by both keys; the second is asked only of those that are by the first."""
    for group in _groups(photos, quick):
        yield from _groups(group, exact)


def _groups(photos: Sequence[Path], key: Callable[[Path], Hashable]) -> list[list[Path]]:
    """Photos of the same key, where there are two or more; None is none."""
    groups: dict[Hashable, list[Path]] = {}
    for photo in photos:
        groups.setdefault(key(photo), []).append(photo)
    return [group for key_, group in groups.items() if len(group) > 1 and key_ is not None]


def _size(photo: Path) -> int | None:
    """None for what cannot be read, as in `_content`: the check before a run tells of it."""
    try:
        return photo.stat().st_size
    except OSError:
        return None


def _content(photo: Path) -> str | None:
    try:
        return file_sha256(photo)
    except OSError:
        return None


def _sentence(concept: Concept, groups: Sequence[Sequence[Path]]) -> str | None:
    if not groups:
        return None
    held_out = set(held_out_photos(concept))
    own = concept.validation_images

    def name(photo: Path) -> str:
        return f"validation_images/{photo.name}" if photo.parent == own else photo.name

    same = ", ".join(f"as {' and '.join(map(name, group))}" for group in groups[:_NAMED])
    more = f" and {len(groups) - _NAMED} more" if len(groups) > _NAMED else ""
    photos, it, are = ("photo", "it weighs", "is") if len(groups) == 1 else ("photos", "they weigh", "are")
    leaks = any(held_out.intersection(group) and not held_out.issuperset(group) for group in groups)
    hides = ", and what is held out under one name trains under another, which hides memorisation" if leaks else ""
    return (
        f"{concept.instance_token}: the same {photos} {are} there {same}{more}: {it} more than the others{hides}; keep"
        " one of each"
    )
