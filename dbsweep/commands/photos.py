"""The command that prepares photos for training."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dbsweep.commands.output import print_lines, print_note
from dbsweep.config.unread import refuse_unread
from dbsweep.errors import InputError

_LONG = "Long photos (--split)"
_FOCAL = "Focal point (--crop focal)"

if TYPE_CHECKING:  # these load more than --help needs
    from dbsweep.concepts.windows import Box
    from dbsweep.plan.buckets import Size
    from dbsweep.sweep.preparing import Outcome


def prepare_photos(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="Folder of photos; it is not changed.")],
    destination: Annotated[
        Path | None, typer.Argument(metavar="DESTINATION", help="Another folder, for the pictures.")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="PIXELS",
            help="Size as in `train.resolution`: the side of a square, or WIDTHxHEIGHT.",
            show_default="512",
        ),
    ] = None,
    crop: Annotated[
        Literal["centre", "focal", "none"] | None,
        typer.Option(
            metavar="WHERE",
            help="Where to crop a photo of another shape. centre: in the middle; focal: around what stands out, faces "
            "first; none: not at all.",
            show_default="centre",
        ),
    ] = None,
    boxes: Annotated[
        list[str] | None,
        typer.Option(
            "--box",
            metavar="PHOTO=LEFT,TOP,WIDTH[,HEIGHT]",
            help="Crop one photo by hand, in pixels of the upright photo; may be repeated.",
        ),
    ] = None,
    split: Annotated[
        bool,
        typer.Option(
            "--split", metavar="", rich_help_panel=_LONG, help="Split long photos into several pictures, side by side."
        ),
    ] = False,
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            min=0.0,
            max=1.0,
            rich_help_panel=_LONG,
            help="Split photos of which one picture would show no more than this share.",
            show_default="0.5",
        ),
    ] = None,
    overlap: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            min=0.0,
            max=0.9,
            rich_help_panel=_LONG,
            help="Least overlap of neighbouring pictures.",
            show_default="0.2",
        ),
    ] = None,
    flip: Annotated[bool, typer.Option("--flip", metavar="", help="Add a mirrored copy of each picture.")] = False,
    face_detector: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=_FOCAL,
            help="Find faces with YuNet from OpenCV's model zoo (.onnx); for --check too.",
        ),
    ] = None,
    edges_weight: Annotated[
        float | None,
        typer.Option(
            metavar="WEIGHT",
            min=0.0,
            max=1.0,
            rich_help_panel=_FOCAL,
            help="How much corners and edges count.",
            show_default="0.5",
        ),
    ] = None,
    entropy_weight: Annotated[
        float | None,
        typer.Option(
            metavar="WEIGHT",
            min=0.0,
            max=1.0,
            rich_help_panel=_FOCAL,
            help="How much the part with the most detail counts.",
            show_default="0.15",
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", metavar="", help="Write nothing; show what many photos of SOURCE have in common."),
    ] = False,
) -> None:
    """Crop and resize photos for training, or check what they share.

    Masks and captions go along. Run it again to continue after an interruption,
    or after you have added photos.
    """
    of_pictures = {"--size": size, "--crop": crop, "--box": boxes, "--split": split, "--flip": flip}
    of_split = {"--threshold": threshold, "--overlap": overlap}
    of_focal = {"--edges-weight": edges_weight, "--entropy-weight": entropy_weight}
    if check:
        if destination is not None:
            raise InputError(f"--check makes nothing: give SOURCE alone, got {str(destination)!r} too")
        refuse_unread({**of_pictures, **of_split, **of_focal}, "for pictures that are made, and --check makes none")
        _check(source, face_detector)
        return
    if destination is None:
        raise InputError("DESTINATION is missing: give another folder for the pictures, or --check to look at photos")
    if not split:
        refuse_unread(of_split, "for photos that are split", "add --split, or leave it out")
    if crop != "focal":
        refuse_unread(of_focal, "for what stands out", "add --crop focal, or leave it out")
    from dbsweep.commands.counting import making_many
    from dbsweep.concepts.focus import FocusWeights
    from dbsweep.concepts.preparation import Crop, Preparation
    from dbsweep.sweep import preparing

    asked = Preparation(
        size=_size("512" if size is None else size),
        crop=Crop.CENTRE if crop is None else Crop(crop),
        flip=flip,
        split=split,
        threshold=Preparation.threshold if threshold is None else threshold,
        overlap=Preparation.overlap if overlap is None else overlap,
        boxes=_boxes(boxes or ()),
        focus=FocusWeights(
            edges=FocusWeights().edges if edges_weight is None else edges_weight,
            entropy=FocusWeights().entropy if entropy_weight is None else entropy_weight,
        ),
    )
    with making_many(
        "photo", f"all pictures in {destination} are whole, and the same command makes the rest."
    ) as count:
        outcome = preparing.prepare_photos(source, destination, asked, count, face_detector)
    _tell(outcome, destination)


def _tell(outcome: Outcome, destination: Path) -> None:
    """Says what was done with each photo, and at the end what could not be: InputError."""
    from dbsweep.concepts.prepared import sentences
    from dbsweep.config.messages import counted, first_of

    print_lines([each.line for each in outcome.done])
    for sentence in sentences(outcome.done):
        print_note(f"note: {sentence}")
    if outcome.left:
        print_note(
            f"note: {counted(len(outcome.left), 'picture')} in {destination} ({first_of(outcome.left)}) will train too,"
            " made by an earlier command and not by this one: remove what should not"
        )
    new, there = sum(len(each.new) for each in outcome.done), sum(len(each.there) for each in outcome.done)
    print_note(
        f"{counted(len(outcome.done), 'photo')} prepared: {counted(new, 'picture')} made in {destination}"
        f"{f', {there:,} there already' if there else ''}"
    )
    if outcome.faults:
        raise InputError(
            f"{'; '.join(outcome.faults)}: mend or remove {'it' if len(outcome.faults) == 1 else 'them'}, and the same"
            " command makes the rest"
        )


def _check(source: Path, face_detector: Path | None) -> None:
    """Tells what many photos have in common; what was looked for is said on stderr."""
    from dbsweep.commands.counting import counting
    from dbsweep.concepts.variety import variety
    from dbsweep.config.messages import counted
    from dbsweep.sweep.preparing import look_at_photos

    with counting("photo") as count:
        looks = look_at_photos(source, count, face_detector)
    told = list(variety(looks))
    print_lines(told)
    faces = ", their faces" if face_detector is not None else "; --face-detector FILE looks at faces too"
    nothing = "" if told else ": nothing is alike in many of them"
    print_note(
        f"{counted(len(looks), 'photo')} compared by their pixels, colours at edges and below, brightness, days{faces}"
        f"{nothing}"
    )


def _size(given: str) -> Size:
    """``512`` or ``512x768``; InputError for anything else."""
    found = re.fullmatch(r"(\d{2,4})(?:[x×](\d{2,4}))?", given)  # the sign that is printed
    sides = () if found is None else (int(found[1]), int(found[2] or found[1]))
    if not sides or any(side % 8 or not 32 <= side <= 2048 for side in sides):
        raise InputError(
            f"--size must be pixels, multiples of 8 from 32 to 2048, such as 512 or 512x768, got {given!r}"
        )
    return sides[0], sides[1]


def _boxes(given: Sequence[str]) -> dict[str, Box]:
    """Boxes by the names of their photos; InputError for two of one photo, which has one window."""
    boxes: dict[str, Box] = {}
    for name, box in map(_box, given):
        if name in boxes:
            raise InputError(f"--box {name} is given twice, and a photo has one window: leave one of them out")
        boxes[name] = box
    return boxes


def _box(given: str) -> tuple[str, Box]:
    """``01.jpg=120,40,800`` as the photo's name and its box."""
    name, _, numbers = given.rpartition("=")
    found = [int(number) for number in numbers.split(",") if number.strip().isdigit()]
    if not name or len(found) not in (3, 4) or len(found) != numbers.count(",") + 1:
        raise InputError(f"--box must be PHOTO=LEFT,TOP,WIDTH or PHOTO=LEFT,TOP,WIDTH,HEIGHT in pixels, got {given!r}")
    left, top, width, height = (*found, found[2])[:4]
    return name, (left, top, left + width, top + height)
