"""Faces are found in OpenCV's order of channels and told in pixels of the photo, the largest first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dbsweep.concepts.face import Face
from dbsweep.concepts.face_finder import finder, load_finder
from dbsweep.errors import ModelError
from dbsweep.models.face_detector import DETECTED_AT, Floats, Pixels


class RedDetector:
    """Finds two faces where the last channel, which is red in OpenCV's order, is brighter than the first."""

    def setInputSize(self, input_size: tuple[int, int]) -> None:
        self.size = input_size

    def detect(self, image: Pixels) -> tuple[int, Floats | None]:
        assert self.size == (image.shape[1], image.shape[0])
        if image[..., 2].mean() <= image[..., 0].mean():
            return 1, None
        small = [0, 0, 10, 10, *range(10), 0.9]
        large = [40, 20, 20, 30, 44, 30, 56, 30, 50, 38, 46, 44, 54, 44, 0.8]
        return 1, np.array([small, large], dtype=np.float32)


def test_faces_are_told_in_pixels_of_the_photo() -> None:
    red = np.zeros((DETECTED_AT, 2 * DETECTED_AT, 3), dtype=np.uint8)
    red[..., 0] = 200
    largest, other = finder(RedDetector())(red)  # which is looked at in half its size
    assert largest == Face(80, 40, 40, 60, ((88, 60), (112, 60)), (100, 76))
    assert (other.width, other.height) == (20, 20)
    assert finder(RedDetector())(red[..., ::-1]) == ()


def test_a_photo_that_is_hardly_a_line_is_looked_at() -> None:
    assert finder(RedDetector())(np.zeros((1, 4000, 3), dtype=np.uint8)) == ()


def test_a_file_that_is_missing_is_named_by_who_asked(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"--face-detector: there is no file '.*yunet\.onnx'; get one from OpenCV"):
        load_finder(tmp_path / "yunet.onnx", "--face-detector")
