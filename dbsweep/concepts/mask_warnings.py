"""What is to be said of the masks of photos: how many have one, and which nobody reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from PIL import Image, ImageStat

from dbsweep.concepts.framing import Framing
from dbsweep.concepts.mask_files import is_mask, mask_file
from dbsweep.concepts.masks import cut_mask, read_mask, transparency
from dbsweep.concepts.photo_sets import training_photos
from dbsweep.concepts.photos import list_photos
from dbsweep.config.concept import Concept
from dbsweep.config.messages import counted, first_of, setting
from dbsweep.config.schema import Experiment
from dbsweep.errors import InputError


def mask_sentences(experiment: Experiment, framings: Iterable[Framing]) -> Iterator[str]:
    """What of each concept's photos is masked, for the plan; or that masks are there and not read.

    Args:
        framings: how the trials cut photos.

    Raises:
        InputError: masks are asked for and no photo of any concept has one, or one that cannot be used.
    """
    if not experiment.reads_masks:
        for concept in experiment.concepts:
            yield from _unread(concept)
        return
    masks = _read(experiment.concepts, framings)
    if all(mask is None for mask in masks.values()):
        raise InputError(
            f"{_asked(experiment)} needs masks, and of {counted(len(masks), 'photo')} none has one: save photos with"
            " their background transparent, put NAME-masklabel.png beside NAME, white where the subject is, or"
            f" {_unasked(experiment)}"
        )
    for concept in experiment.concepts:
        yield _counted(concept, {photo: masks[photo] for photo in training_photos(concept)})
        yield from _passed_over(concept)


def _read(concepts: Sequence[Concept], framings: Iterable[Framing]) -> dict[Path, Image.Image | None]:
    """The masks of all photos; InputError names every one that cannot be used, or of which a crop leaves nothing."""
    found: dict[Path, Image.Image | None] = {}
    faults, framings = [], tuple(framings)
    for photo in (photo for concept in concepts for photo in training_photos(concept)):
        try:
            mask = found[photo] = read_mask(photo)
            if mask is not None:
                for cut, place in {(each.cut(mask.size), place) for each in framings for place in each.places}:
                    cut_mask(photo, mask, cut, place)
        except InputError as error:
            faults.append(str(error))
    if faults:
        raise InputError("; ".join(faults))
    return found


def _asked(experiment: Experiment) -> str:
    """The setting that asks for masks, with its values."""
    axis = experiment.search.axes.get("background_weight")
    if axis is None:
        return f"train.background_weight {experiment.train.background_weight:g}"
    kind, values = next(iter(axis.model_dump().items()))
    return f"search.background_weight {'' if kind == 'values' else f'{kind} '}[{', '.join(map(setting, values))}]"


def _unasked(experiment: Experiment) -> str:
    """What to do so that no masks are asked for."""
    swept = "background_weight" in experiment.search.axes
    return "take background_weight out of search" if swept else "set train.background_weight: 1"


def _counted(concept: Concept, masks: dict[Path, Image.Image | None]) -> str:
    """How many photos have a mask, and how much it leaves: one that is the wrong way round shows here."""
    lacking = [photo.name for photo, mask in masks.items() if mask is None]
    shares = [ImageStat.Stat(mask).mean[0] / 255.0 for mask in masks.values() if mask is not None]
    have = "has" if len(shares) == 1 else "have"
    told = f"{concept.instance_token}: {len(shares)} of {counted(len(masks), 'photo')} {have} a mask"
    if shares:
        told += f", by which {sum(shares) / len(shares):.0%} of the picture is the subject"
    counts = "counts" if len(lacking) == 1 else "count"
    return f"{told}; {len(lacking)} ({first_of(lacking)}) without {counts} everywhere" if lacking else told


def _unread(concept: Concept) -> Iterator[str]:
    """That there are masks which nothing reads; other trainers would."""
    if names := [mask.name for mask in map(mask_file, list_photos(concept.instance_images)) if mask.exists()]:
        yield (
            f"{concept.instance_token}: {_masks(names)} not read: set train.background_weight below 1 if"
            f" {'it' if len(names) == 1 else 'they'} should be"
        )


def _passed_over(concept: Concept) -> Iterator[str]:
    """Masks that are there and are those of no photo, or of one that says for itself what its subject is."""
    photos = list_photos(concept.instance_images)
    read = set(map(mask_file, photos))
    if names := sorted(path.name for path in concept.instance_images.iterdir() if is_mask(path) and path not in read):
        yield (
            f"{concept.instance_token}: {_masks(names)} passed over: a mask is NAME-masklabel.png beside its photo NAME"
        )
    both = [photo for photo in training_photos(concept) if mask_file(photo).exists()]
    if transparent := [photo for photo in both if transparency(photo) is not None]:
        yield (
            f"{concept.instance_token}: {_masks([mask_file(photo).name for photo in transparent])} not read, because"
            f" {transparent[0].name} is transparent itself: keep what you mean"
        )


def _masks(names: Sequence[str]) -> str:
    return f"{counted(len(names), 'mask')} ({first_of(names)}) {'is' if len(names) == 1 else 'are'}"
