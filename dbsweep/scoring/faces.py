"""Faces as an image encoder: who it is, and nothing of clothes and background (YuNet and SFace, by OpenCV).

Weights are files of the person's: that of `dbsweep.models.face_detector`, and ``face_recognition_sface_*.onnx``
(Apache 2.0) of OpenCV's model zoo, or another of the same kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from dbsweep.models.face_detector import Detector, Floats, blind, check_numbers, find_faces, load_detector, no_network
from dbsweep.scoring.encoder_source import check_faces
from dbsweep.scoring.encoders import Embeddings, Pixels

WIDTH: Final = 128
"""Length of SFace's embedding."""
ALIGNED: Final = 112
"""Side of an aligned face in pixels, as `Recognizer.alignCrop` cuts it."""

_DETECTOR, _RECOGNIZER = "evaluate.identity.face_detector", "evaluate.identity.face_recognizer"
_ADVICE = "get it again, and check that face_detector and face_recognizer are not the wrong way round"


class Recognizer(Protocol):
    """What is asked of ``cv2.FaceRecognizerSF``."""

    def alignCrop(self, src_img: Pixels, face_box: Floats) -> Pixels:
        """(112, 112, 3) BGR, eyes and mouth at their places."""

    def feature(self, aligned_img: Pixels) -> Floats:
        """(1, 128), not normalised."""


class FaceEncoder:
    """Embeds the largest face of each image; a row of NaN where there is none. It has no texts.

    Args:
        name: what it was loaded as.
        detector, recognizer: OpenCV's.
    """

    def __init__(self, name: str, detector: Detector, recognizer: Recognizer) -> None:
        self.name = name
        self._detector = detector
        self._recognizer = recognizer

    def encode_images(self, images: Sequence[Pixels]) -> Embeddings:
        """(n, 128) float32, L2-normalised; rows of NaN for images without a face."""
        rows = np.full((len(images), WIDTH), np.nan, dtype=np.float32)
        for row, image in zip(rows, images, strict=True):
            # OpenCV's order of channels, and memory in one piece.
            bgr = np.ascontiguousarray(image[:, :, ::-1])
            face = self._largest(bgr)
            if face is not None:
                feature = self._recognizer.feature(self._recognizer.alignCrop(bgr, face)).ravel()
                row[:] = feature / max(float(np.linalg.norm(feature)), 1e-12)
        return rows

    def _largest(self, bgr: Pixels) -> Floats | None:
        """The row of `Detector.detect`, in pixels of the image."""
        faces = find_faces(self._detector, bgr)
        if len(faces) == 0:
            return None
        largest: Floats = faces[int(np.argmax(faces[:, 2] * faces[:, 3]))]
        return largest


def load_faces(detector: Path, recognizer: Path) -> FaceEncoder:
    """Load both networks; they run on the CPU, some milliseconds an image.

    Raises:
        ResourceError: OpenCV is not installed.
        ModelError: a file is missing, is not such a network, or its weights are no numbers.
    """
    check_faces(detector, recognizer)
    import cv2

    finder = load_detector(detector, _DETECTOR, _ADVICE)
    try:
        knower: Any = cv2.FaceRecognizerSF.create(str(recognizer), "")
        feature = knower.feature(np.zeros((ALIGNED, ALIGNED, 3), dtype=np.uint8))
    except cv2.error as error:
        raise no_network(_RECOGNIZER, recognizer, str(error), _ADVICE) from error
    if feature.size != WIDTH:
        reason = f"it gives {feature.size} numbers a face and not {WIDTH}"
        raise no_network(_RECOGNIZER, recognizer, reason, _ADVICE)
    if not np.isfinite(feature).all():  # rows of NaN would be taken for pictures without a face
        raise blind(_RECOGNIZER, recognizer, "what it makes of a black face")
    check_numbers(_RECOGNIZER, recognizer)
    return FaceEncoder(f"face:{recognizer.name}", finder, knower)
