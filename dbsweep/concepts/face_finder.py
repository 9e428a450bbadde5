"""Faces in photos by OpenCV's YuNet (`dbsweep.models.face_detector`), as what windows lie around."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dbsweep.concepts.face import Face, FindFaces
from dbsweep.models.face_detector import Detector, check_network, check_opencv, find_faces, load_detector


def load_finder(path: Path, field: str) -> FindFaces:
    """What finds faces by the network of a file, on the CPU, in some milliseconds a photo.

    Args:
        path: of its file.
        field: the setting or option that names it.

    Raises:
        ResourceError: OpenCV is not installed.
        ModelError: the file is missing, is not such a network, or its weights are no numbers.
    """
    check_network(field, path)
    check_opencv(field)
    return finder(load_detector(path, field))


def finder(detector: Detector) -> FindFaces:
    """Finds faces by a detector, the largest first."""

    def find(photo: npt.NDArray[np.uint8]) -> Sequence[Face]:
        rows = find_faces(detector, np.ascontiguousarray(photo[:, :, ::-1]))
        largest_first = np.argsort(-rows[:, 2] * rows[:, 3], kind="stable")
        return tuple(map(_face, rows[largest_first].tolist()))

    return find


def _face(row: Sequence[float]) -> Face:
    """Of a row of `Detector.detect`: a person's right eye, which is the left one of the picture, comes first."""
    left, top, width, height, *landmarks = row
    points = list(zip(landmarks[0::2], landmarks[1::2], strict=False))
    return Face(left, top, width, height, (points[0], points[1]), points[2])
