"""Boxes and landmarks of faces in pixels of the picture, at whatever size it is looked at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from dbsweep.models.face_detector import find_faces

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


class WhiteDetector:
    """One face around all that is white, with a landmark at each corner and one in the middle."""

    def __init__(self) -> None:
        self.size = (0, 0)

    def setInputSize(self, input_size: tuple[int, int]) -> None:
        self.size = input_size

    def detect(self, image: Pixels) -> tuple[int, Floats | None]:
        assert self.size == image.shape[1::-1], "YuNet reads past the image if it is not told its size"
        rows, columns = np.nonzero(image[:, :, 0] > 127)
        if len(rows) == 0:
            return 1, None
        (left, right), (top, bottom) = (columns.min(), columns.max() + 1), (rows.min(), rows.max() + 1)
        corners = [left, top, right, top, (left + right) / 2, (top + bottom) / 2, left, bottom, right, bottom]
        return 1, np.array([[left, top, right - left, bottom - top, *corners, 0.9]], dtype=np.float32)


@pytest.mark.parametrize("longer_side", [100, 320, 1000])
def test_all_but_the_score_is_in_pixels_of_the_picture(longer_side: int) -> None:
    image = np.zeros((500, 1000, 3), dtype=np.uint8)
    image[100:300, 400:700] = 255
    detector = WhiteDetector()
    (face,) = find_faces(detector, image, longer_side)
    assert detector.size == (longer_side, longer_side // 2)
    expected = [400, 100, 300, 200, 400, 100, 700, 100, 550, 200, 400, 300, 700, 300]
    assert face[:14] == pytest.approx(expected, abs=1000 / longer_side)
    assert face[14] == pytest.approx(0.9)


@pytest.mark.parametrize("size", [(20, 20), (1, 2000)])
def test_no_face_is_no_rows_however_thin_the_picture_is(size: tuple[int, int]) -> None:
    assert find_faces(WhiteDetector(), np.zeros((*size, 3), dtype=np.uint8)).shape == (0, 15)
