"""The face encoder around a detector and a recogniser that are arithmetic; OpenCV's own refuse what is no network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from dbsweep.errors import ModelError
from dbsweep.scoring.encoder_source import check_faces
from dbsweep.scoring.faces import DETECTED_AT, WIDTH, FaceEncoder, load_faces

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


class BrightDetector:
    """Finds a face in the left third and in the rest, where they are not black; remembers the size that it was told."""

    def __init__(self) -> None:
        self.size = (0, 0)

    def setInputSize(self, input_size: tuple[int, int]) -> None:
        self.size = input_size

    def detect(self, image: Pixels) -> tuple[int, Floats | None]:
        height, width = image.shape[:2]
        assert self.size == (width, height), "YuNet reads past the image if it is not told its size"
        third = width // 3
        boxes = [(0, third), (third, width - third)]
        found = [(x, 0, w, height, *[0.0] * 10, 0.9) for x, w in boxes if image[:, x + w // 4 : x + w // 2].any()]
        return 1, np.array(found, dtype=np.float32) if found else None


class ColourRecognizer:
    """Embeds the mean of a face's channels, in OpenCV's order."""

    def __init__(self) -> None:
        self.boxes: list[tuple[float, ...]] = []

    def alignCrop(self, src_img: Pixels, face_box: Floats) -> Pixels:
        x, w = round(float(face_box[0])), round(float(face_box[2]))
        self.boxes.append(tuple(float(value) for value in face_box[:4]))
        return src_img[:, x : x + w]

    def feature(self, aligned_img: Pixels) -> Floats:
        row = np.zeros((1, WIDTH), dtype=np.float32)
        row[0, :3] = aligned_img.reshape(-1, 3).mean(axis=0)
        return row


def encoder() -> FaceEncoder:
    return FaceEncoder("face:test", BrightDetector(), ColourRecognizer())


def image(left: tuple[int, int, int], right: tuple[int, int, int], side: int = 60) -> Pixels:
    """The left third and the right two thirds."""
    pixels = np.zeros((side, side, 3), dtype=np.uint8)
    pixels[:, : side // 3], pixels[:, side // 3 :] = left, right
    return pixels


BLACK, RED, BLUE = (0, 0, 0), (200, 0, 0), (0, 0, 200)


def test_the_largest_face_is_embedded_in_the_networks_order_of_channels() -> None:
    rows = encoder().encode_images([image(RED, BLUE), image(RED, BLACK)])
    assert rows.shape == (2, WIDTH)
    assert rows.dtype == np.dtype(np.float32)
    assert rows[0, :3] == pytest.approx([1.0, 0.0, 0.0]), "the blue face is larger, and BGR begins with blue"
    assert rows[1, :3] == pytest.approx([0.0, 0.0, 1.0])


def test_an_image_without_a_face_is_a_row_of_nan() -> None:
    rows = encoder().encode_images([image(BLACK, BLACK), image(BLACK, RED)])
    assert np.isnan(rows[0]).all()
    assert np.linalg.norm(rows[1]) == pytest.approx(1.0)


def test_no_images_are_no_rows() -> None:
    assert encoder().encode_images([]).shape == (0, WIDTH)


@pytest.mark.parametrize("side", [60, 320, 960])
def test_faces_are_looked_for_at_one_size_and_cut_from_the_whole_image(side: int) -> None:
    detector, recognizer = BrightDetector(), ColourRecognizer()
    FaceEncoder("face:test", detector, recognizer).encode_images([image(BLACK, RED, side)])
    assert detector.size == (DETECTED_AT, DETECTED_AT)
    (box,) = recognizer.boxes
    assert box == pytest.approx((side / 3, 0.0, 2 * side / 3, side), abs=side / 50)


def test_files_that_are_no_networks_are_named(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    detector, recognizer = tmp_path / "yunet.onnx", tmp_path / "sface.onnx"
    with pytest.raises(ModelError, match=r"evaluate\.identity\.face_detector: there is no file"):
        check_faces(detector, recognizer)
    detector.write_bytes(b"no network")
    recognizer.write_bytes(b"no network")
    check_faces(detector, recognizer)
    with pytest.raises(ModelError, match=r"face_detector: .*yunet\.onnx' is not such a network"):
        load_faces(detector, recognizer)
