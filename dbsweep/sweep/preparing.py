"""Photos of one folder made into pictures for training in another, or looked at for what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dbsweep.concepts.face import FindFaces
from dbsweep.concepts.mask_files import is_mask, mask_file
from dbsweep.concepts.photos import list_photos
from dbsweep.concepts.preparation import FLIPPED, Crop, Job, Preparation, refuse_same_names
from dbsweep.concepts.prepared import Prepared, made_of, prepare
from dbsweep.concepts.variety import Look, look_at
from dbsweep.config.messages import did_you_mean, first_of
from dbsweep.errors import InputError
from dbsweep.models.hashes import file_sha256
from dbsweep.models.places import make_folder, refuse_files

DETECTOR = "--face-detector"
"""What the network is called in messages."""


@dataclass(frozen=True)
class Outcome:
    """What has become of a folder.

    Attributes:
        done: the photos that are prepared, in order.
        faults: what is wrong with the others.
        left: pictures that an earlier command has made and this one would not.
    """

    done: tuple[Prepared, ...]
    faults: tuple[str, ...]
    left: tuple[str, ...]


def prepare_photos(
    source: Path,
    destination: Path,
    asked: Preparation,
    progress: Callable[[int, int], None],
    face_detector: Path | None = None,
) -> Outcome:
    """Prepares every photo that can be read; what is there already is not made again.

    Args:
        source, destination: folders of the photos and of the pictures; the second is made where there is none.
        asked: what is done with each.
        face_detector: the file of a network that finds the faces that windows lie around.
        progress: called with how many photos are done, and how many there are.

    Raises:
        InputError: the folders are not two, hold no photos, or pictures would get in each other's way.
        ModelError, ResourceError: the network is none, or OpenCV is not installed.
        RunError, DiskError: the second folder cannot be written, or no space is left; what is made is whole.
    """
    if face_detector is not None and asked.crop is not Crop.FOCAL:
        raise InputError(f"{DETECTOR} finds what windows lie around: add --crop focal, or leave it out")
    _refuse_one_folder(source, destination)
    photos = list_photos(source)
    find_faces = None if face_detector is None else finder(face_detector)
    if face_detector is not None:
        asked = replace(asked, detector=file_sha256(face_detector))
    _refuse_unknown_boxes(asked, source, photos)
    jobs, faults = _jobs_of(photos, asked)
    refuse_same_names(jobs)
    _refuse_others(jobs, destination)
    make_folder(destination)
    done: list[Prepared] = []
    progress(0, len(jobs))
    for number, job in enumerate(jobs, 1):
        try:
            done.append(prepare(job, destination, find_faces))
        except InputError as error:
            faults.append(str(error))
        progress(number, len(jobs))
    # A caption file of the whole folder is at fault for each photo.
    return Outcome(tuple(done), tuple(dict.fromkeys(faults)), _left(jobs, destination))


def look_at_photos(
    source: Path, progress: Callable[[int, int], None], face_detector: Path | None = None
) -> tuple[Look, ...]:
    """Measures the photos of a folder, but for mirrored copies, for `dbsweep.concepts.variety.variety`.

    Args:
        source, progress, face_detector: as in `prepare_photos`.

    Raises:
        InputError: there are none, or some cannot be read, naming each.
        ModelError, ResourceError: as there.
    """
    photos = list_photos(source)
    stems = {photo.stem for photo in photos}
    copies = {f"{stem}{FLIPPED}" for stem in stems} & stems  # which somebody has asked for
    photos = tuple(photo for photo in photos if photo.stem not in copies)
    looks, faults = [], []
    find_faces = None if face_detector is None else finder(face_detector)
    progress(0, len(photos))
    for number, photo in enumerate(photos, 1):
        try:
            looks.append(look_at(photo, find_faces))
        except InputError as error:
            faults.append(str(error))
        progress(number, len(photos))
    if faults:
        raise InputError(f"{'; '.join(faults)}: mend or remove {'it' if len(faults) == 1 else 'them'}")
    return tuple(looks)


def finder(face_detector: Path) -> FindFaces:
    """What finds faces, by the file of a network; errors as in `dbsweep.concepts.face_finder.load_finder`."""
    from dbsweep.concepts.face_finder import load_finder

    return load_finder(face_detector, DETECTOR)


def _refuse_unknown_boxes(asked: Preparation, source: Path, photos: Sequence[Path]) -> None:
    names = [photo.name for photo in photos]
    for name in asked.boxes:
        if name not in names:
            raise InputError(f"--box {name}: there is no such photo in {source}; {did_you_mean(name, names)}")


def _jobs_of(photos: Sequence[Path], asked: Preparation) -> tuple[list[Job], list[str]]:
    """What is to be done, and what is wrong with the photos that cannot be read; InputError for one that has a box."""
    jobs: list[Job] = []
    faults: list[str] = []
    for photo in photos:
        try:
            jobs.append(Job.of(photo, asked))
        except InputError as error:
            if photo.name in asked.boxes:
                raise
            faults.append(str(error))
    return jobs, faults


def _left(jobs: Sequence[Job], destination: Path) -> tuple[str, ...]:
    """Pictures in the folder that were made of photos, and of none of these in this way."""
    names = {piece.name for job in jobs for piece in job.pieces}
    pictures = sorted(path for path in destination.glob("*.png") if path.name not in names and not is_mask(path))
    return tuple(path.name for path in pictures if made_of(path) is not None)


def _refuse_one_folder(source: Path, destination: Path) -> None:
    """InputError unless pictures can be written where no photos are read."""
    one, other = source.resolve(), destination.resolve()
    if one == other:
        raise InputError(f"{destination} is the folder of the photos: give another one, so that they stay as they are")
    if one.is_relative_to(other) or other.is_relative_to(one):
        inner, outer = (source, destination) if one.is_relative_to(other) else (destination, source)
        raise InputError(f"{inner} lies in {outer}: give two folders of which none lies in the other")
    refuse_files(destination)


def _refuse_others(jobs: Sequence[Job], destination: Path) -> None:
    """InputError if pictures are there already under a name that is needed, and were made of something else."""
    others = []
    for job in jobs:
        for path in (destination / piece.name for piece in job.pieces):
            files = (path, mask_file(path)) if mask_file(job.photo).exists() else (path,)
            others += [file.name for file in files if file.exists() and made_of(file) != job.key]
    if others:
        raise InputError(
            f"{destination} has pictures of these names already that were made otherwise or of other photos"
            f" ({first_of(others)}), and nothing is overwritten: give another folder, or remove them"
        )
