"""Faces as an image encoder: who it is, and nothing of clothes and background (YuNet and SFace, by OpenCV).

Weights are files of the person's: ``face_detection_yunet_*.onnx`` (MIT) and ``face_recognition_sface_*.onnx``
(Apache 2.0) of OpenCV's model zoo, or others of the same kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from dbsweep.errors import ModelError
from dbsweep.scoring.encoder_source import check_faces
from dbsweep.scoring.encoders import Embeddings, Pixels

WIDTH: Final = 128
"""Length of SFace's embedding."""
ALIGNED: Final = 112
"""Side of an aligned face in pixels, as `Recognizer.alignCrop` cuts it."""
MIN_SCORE: Final = 0.7
"""Of a detection, 0 to 1; OpenCV's demo takes 0.9, at which drawn and profile faces are missed."""
DETECTED_AT: Final = 320
"""Longer side in pixels at which faces are looked for: YuNet finds those of 10 to 300 pixels (its model card)."""

Floats = npt.NDArray[np.float32]


class Detector(Protocol):
    """What is asked of ``cv2.FaceDetectorYN``."""

    def setInputSize(self, input_size: tuple[int, int]) -> None:
        """(width, height) of the next image."""

    def detect(self, image: Pixels) -> tuple[int, Floats | None]:
        """(n, 15): box x, y, w, h, five landmarks, score; None for no face. The image is BGR."""


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
        height, width = bgr.shape[:2]
        scale = DETECTED_AT / max(height, width)
        size = (round(width * scale), round(height * scale))
        self._detector.setInputSize(size)
        _, faces = self._detector.detect(np.asarray(Image.fromarray(bgr).resize(size, Image.Resampling.BICUBIC)))
        if faces is None or len(faces) == 0:
            return None
        largest: Floats = faces[int(np.argmax(faces[:, 2] * faces[:, 3]))].copy()
        largest[:14] /= scale  # all but the score
        return largest


def load_faces(detector: Path, recognizer: Path) -> FaceEncoder:
    """Load both networks; they run on the CPU, some milliseconds an image.

    Raises:
        ResourceError: OpenCV is not installed.
        ModelError: a file is missing, is not such a network, or its weights are no numbers.
    """
    check_faces(detector, recognizer)
    import cv2

    # Any network loads as either: whether it is one of this kind shows when it is asked.
    try:
        finder: Any = cv2.FaceDetectorYN.create(str(detector), "", (DETECTED_AT, DETECTED_AT), MIN_SCORE)
        finder.detect(np.zeros((DETECTED_AT, DETECTED_AT, 3), dtype=np.uint8))
    except cv2.error as error:
        raise _no_network("face_detector", detector, str(error)) from error
    try:
        knower: Any = cv2.FaceRecognizerSF.create(str(recognizer), "")
        feature = knower.feature(np.zeros((ALIGNED, ALIGNED, 3), dtype=np.uint8))
    except cv2.error as error:
        raise _no_network("face_recognizer", recognizer, str(error)) from error
    if feature.size != WIDTH:
        raise _no_network("face_recognizer", recognizer, f"it gives {feature.size} numbers a face and not {WIDTH}")
    if not np.isfinite(feature).all():  # rows of NaN would be taken for pictures without a face
        raise _blind("face_recognizer", recognizer, "what it makes of a black face")
    for field, path in (("face_detector", detector), ("face_recognizer", recognizer)):
        if layer := _without_numbers(path):
            raise _blind(field, path, f"its layer {layer}")
    return FaceEncoder(f"face:{recognizer.name}", finder, knower)


def _without_numbers(path: Path) -> str | None:
    """The first layer of a network whose weights are NaN or infinite; None too where OpenCV does not show weights.

    What a network makes of a picture does not tell: OpenCV's convolutions turn NaN into the largest of numbers.
    """
    import cv2

    # OpenCV 5's new engine shows none; before 4.11 there is no other than the classic one.
    engine = [cv2.dnn.ENGINE_CLASSIC] if hasattr(cv2.dnn, "ENGINE_CLASSIC") else []
    try:
        network = cv2.dnn.readNetFromONNX(str(path), *engine)
    except cv2.error:
        return None
    layers = map(network.getLayer, network.getLayerNames())
    return next((layer.name for layer in layers if not all(np.isfinite(blob).all() for blob in layer.blobs)), None)


def _blind(field: str, path: Path, where: str) -> ModelError:
    return ModelError(
        f"evaluate.identity.{field}: {str(path)!r} sees nothing: NaN or infinity stands in place of numbers in "
        f"{where}; get it again"
    )


def _no_network(field: str, path: Path, reason: str) -> ModelError:
    shown = " ".join(reason.split())[-160:]
    return ModelError(
        f"evaluate.identity.{field}: {str(path)!r} is not such a network ({shown}): get it again, and check that "
        "face_detector and face_recognizer are not the wrong way round"
    )
