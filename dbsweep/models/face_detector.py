"""Where faces are in a picture (YuNet, by OpenCV): boxes and five landmarks. Needs no torch.

Weights are a file of the person's: ``face_detection_yunet_*.onnx`` (MIT) of OpenCV's model zoo, or one of its kind.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from dbsweep.errors import ModelError, ResourceError

MIN_SCORE: Final = 0.7
"""Of a detection, 0 to 1; OpenCV's demo takes 0.9, at which drawn and profile faces are missed."""
DETECTED_AT: Final = 320
"""Longer side in pixels at which faces are looked for: YuNet finds those of 10 to 300 pixels (its model card)."""

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


class Detector(Protocol):
    """What is asked of ``cv2.FaceDetectorYN``."""

    def setInputSize(self, input_size: tuple[int, int]) -> None:
        """(width, height) of the next image."""

    def detect(self, image: Pixels) -> tuple[int, Floats | None]:
        """(n, 15): box x, y, w, h, five landmarks, score; None for no face. The image is BGR."""


def find_faces(detector: Detector, bgr: Pixels, longer_side: int = DETECTED_AT) -> Floats:
    """(n, 15), the rows of `Detector.detect`, in pixels of the image.

    Args:
        bgr: (h, w, 3), in one piece of memory.
        longer_side: pixels that the image is scaled to for it.
    """
    height, width = bgr.shape[:2]
    scale = longer_side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    detector.setInputSize(size)
    _, found = detector.detect(np.asarray(Image.fromarray(bgr).resize(size, Image.Resampling.BICUBIC)))
    faces = np.zeros((0, 15), dtype=np.float32) if found is None else found.copy()
    faces[:, :14] /= scale  # all but the score
    return faces


def check_network(field: str, path: Path) -> None:
    """ModelError, naming the setting or option, unless there is such a file."""
    if not path.is_file():
        raise ModelError(
            f"{field}: there is no file {str(path)!r}; get one from OpenCV's model zoo, "
            "https://github.com/opencv/opencv_zoo"
        )


def check_opencv(field: str) -> None:
    """ResourceError, naming the setting or option that needs it, unless OpenCV is installed."""
    if importlib.util.find_spec("cv2") is None:
        raise ResourceError(f"{field} needs OpenCV for faces: pip install 'dbsweep[face]'")


def load_detector(path: Path, field: str, advice: str = "get it again") -> Detector:
    """The detector of a file; it runs on the CPU, some milliseconds an image.

    Args:
        field: the setting or option that names the file.
        advice: what to do about a file that is no such network.

    Raises:
        ModelError: it is no such network, or its weights are no numbers.
    """
    import cv2

    # Any network loads as it: whether it is one of this kind shows when it is asked.
    try:
        detector: Any = cv2.FaceDetectorYN.create(str(path), "", (DETECTED_AT, DETECTED_AT), MIN_SCORE)
        detector.detect(np.zeros((DETECTED_AT, DETECTED_AT, 3), dtype=np.uint8))
    except cv2.error as error:
        raise no_network(field, path, str(error), advice) from error
    check_numbers(field, path)
    loaded: Detector = detector
    return loaded


def check_numbers(field: str, path: Path) -> None:
    """ModelError where a network's weights are NaN or infinite; not where OpenCV does not show weights.

    What a network makes of a picture does not tell: OpenCV's convolutions turn NaN into the largest of numbers.
    """
    import cv2

    # OpenCV 5's new engine shows none; before 4.11 there is no other than the classic one.
    engine = [cv2.dnn.ENGINE_CLASSIC] if hasattr(cv2.dnn, "ENGINE_CLASSIC") else []
    try:
        network = cv2.dnn.readNetFromONNX(str(path), *engine)
    except cv2.error:
        return
    for layer in map(network.getLayer, network.getLayerNames()):
        if not all(np.isfinite(blob).all() for blob in layer.blobs):
            raise blind(field, path, f"its layer {layer.name}")


def blind(field: str, path: Path, where: str) -> ModelError:
    """The error for a network that makes no numbers, or has none."""
    return ModelError(
        f"{field}: {str(path)!r} sees nothing: NaN or infinity stands in place of numbers in {where}; get it again"
    )


def no_network(field: str, path: Path, reason: str, advice: str) -> ModelError:
    """The error for a file that is no network of the kind that is needed."""
    shown = " ".join(reason.split())[-160:]
    return ModelError(f"{field}: {str(path)!r} is not such a network ({shown}): {advice}")
