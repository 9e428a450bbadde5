"""The face encoder around a detector and a recogniser that are arithmetic; OpenCV's own refuse what is no network."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from dbsweep.errors import ModelError, ResourceError
from dbsweep.models.face_detector import DETECTED_AT, MIN_SCORE
from dbsweep.scoring.encoder_source import check_faces
from dbsweep.scoring.faces import WIDTH, FaceEncoder, load_faces
from dbsweep.scoring.likeness import FACE

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


OTHER_NETWORK = base64.b64decode(
    "CAg6bQodCgVpbnB1dBIBcCIRR2xvYmFsQXZlcmFnZVBvb2wKEQoBcBIDb3V0IgdGbGF0dGVuEgFnWh8KBWlucHV0EhYKFAgBEhAKAggBCgIIAwoC"
    "CHAKAghwYhUKA291dBIOCgwIARIICgIIAQoCCANCBAoAEA0="
)
"""An ONNX file: the mean of each channel of a picture of 112 pixels."""


NAN_NETWORK = base64.b64decode(
    "CAYSB3B5dG9yY2gaBjIuMTQuMTrjAQp5CgFpCgZ3ZWlnaHQSAW8aBS9Db252IgRDb252KhIKCWRpbGF0aW9uc0ABQAGgAQcqDAoFZ3JvdXAYAaAB"
    "AioVCgxrZXJuZWxfc2hhcGVAAUABoAEHKhEKBHBhZHNAAEAAQABAAKABByoQCgdzdHJpZGVzQAFAAaABBxIKbWFpbl9ncmFwaCogCAEIAwgBCAEQ"
    "AUIGd2VpZ2h0SgwAAIA/AADAfwAAgD9aGwoBaRIWChQIARIQCgIIAQoCCAMKAghwCgIIcGIbCgFvEhYKFAgBEhAKAggBCgIIAQoCCHAKAghwQgIQ"
    "Cw=="
)
"""An ONNX file: a convolution of three weights, of which the second is NaN."""


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


class BlindDetector(BrightDetector):
    """Finds no face, and need not be told a size for that."""

    def detect(self, image: Pixels) -> tuple[int, Floats | None]:
        return 1, None


class TwoFaces(BrightDetector):
    """A wide face and a square one, of 300 and of 400 pixels."""

    def detect(self, image: Pixels) -> tuple[int, Floats | None]:
        boxes = [(0, 0, 30, 10), (100, 0, 20, 20)]
        return 1, np.array([(*box, *[0.0] * 10, 0.9) for box in boxes], dtype=np.float32)


def test_the_largest_face_has_the_largest_area() -> None:
    recognizer = ColourRecognizer()
    FaceEncoder("face:test", TwoFaces(), recognizer).encode_images([image(RED, BLUE, DETECTED_AT)])
    assert recognizer.boxes == [(100.0, 0.0, 20.0, 20.0)]


def test_the_longer_side_has_the_size_at_which_faces_are_looked_for() -> None:
    detector = BrightDetector()
    FaceEncoder("face:test", detector, ColourRecognizer()).encode_images([image(RED, BLUE, 640)[:320]])
    assert detector.size == (DETECTED_AT, DETECTED_AT // 2)


def test_files_that_are_no_networks_are_named(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    detector, recognizer = tmp_path / "yunet.onnx", tmp_path / "sface.onnx"
    with pytest.raises(ModelError, match=r"evaluate\.identity\.face_detector: there is no file"):
        check_faces(detector, recognizer)
    detector.write_bytes(b"no network")
    with pytest.raises(ModelError, match=r"evaluate\.identity\.face_recognizer: there is no file"):
        check_faces(detector, recognizer)
    recognizer.write_bytes(b"no network")
    check_faces(detector, recognizer)
    with pytest.raises(ModelError, match=r"face_detector: .*yunet\.onnx' is not such a network"):
        load_faces(detector, recognizer)


def test_another_network_is_neither_a_detector_nor_a_recogniser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenCV loads any network as either; two files that have changed places are such."""
    cv2 = pytest.importorskip("cv2")
    (tmp_path / "other.onnx").write_bytes(OTHER_NETWORK)
    message = r"face_detector: .*other\.onnx' is not such a network .* not the wrong way round"
    with pytest.raises(ModelError, match=message):
        load_faces(tmp_path / "other.onnx", tmp_path / "other.onnx")
    monkeypatch.setattr(cv2.FaceDetectorYN, "create", lambda *arguments: BlindDetector())
    with pytest.raises(ModelError, match=r"face_recognizer: .*other\.onnx' is .*it gives 3 numbers a face and not 128"):
        load_faces(tmp_path / "other.onnx", tmp_path / "other.onnx")


class BrokenRecognizer(ColourRecognizer):
    """As networks whose weights are NaN are."""

    def feature(self, aligned_img: Pixels) -> Floats:
        return np.full((1, WIDTH), np.nan, dtype=np.float32)


def test_a_recogniser_that_gives_no_numbers_is_no_photo_without_a_face(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cv2 = pytest.importorskip("cv2")
    monkeypatch.setattr(cv2.FaceDetectorYN, "create", lambda *arguments: BlindDetector())
    monkeypatch.setattr(cv2.FaceRecognizerSF, "create", lambda *arguments: BrokenRecognizer())
    (tmp_path / "sface.onnx").touch()
    with pytest.raises(
        ModelError, match=r"face_recognizer: .*sface\.onnx' sees nothing: NaN .* what it makes of a black face; get"
    ):
        load_faces(tmp_path / "sface.onnx", tmp_path / "sface.onnx")


@pytest.mark.parametrize(("field", "named"), [("face_detector", "yunet"), ("face_recognizer", "sface")])
def test_weights_that_are_no_numbers_are_told_as_such(
    field: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenCV finds faces nowhere or everywhere by them, and makes numbers of them."""
    cv2 = pytest.importorskip("cv2")
    monkeypatch.setattr(cv2.FaceDetectorYN, "create", lambda *arguments: BlindDetector())
    monkeypatch.setattr(cv2.FaceRecognizerSF, "create", lambda *arguments: ColourRecognizer())
    for name in ("yunet", "sface"):
        (tmp_path / f"{name}.onnx").write_bytes(NAN_NETWORK if name == named else OTHER_NETWORK)
    message = (
        rf"{field}: .*{named}\.onnx' sees nothing: NaN or infinity stands in place of numbers in its layer .*Conv; get"
    )
    with pytest.raises(ModelError, match=message):
        load_faces(tmp_path / "yunet.onnx", tmp_path / "sface.onnx")


def test_without_opencv_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (tmp_path / "any.onnx").touch()
    with pytest.raises(ResourceError, match=r"pip install 'dbsweep\[face\]'"):
        check_faces(tmp_path / "any.onnx", tmp_path / "any.onnx")


def test_what_is_loaded_is_known_for_its_faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name scores know that a picture may show none; faces of drawings are found at a lower score."""
    cv2 = pytest.importorskip("cv2")
    asked: list[object] = []

    def create(*arguments: object) -> BlindDetector:
        asked.append(arguments[3:])
        return BlindDetector()

    monkeypatch.setattr(cv2.FaceDetectorYN, "create", create)
    monkeypatch.setattr(cv2.FaceRecognizerSF, "create", lambda *arguments: ColourRecognizer())
    (tmp_path / "sface.onnx").touch()
    loaded = load_faces(tmp_path / "sface.onnx", tmp_path / "sface.onnx")
    assert loaded.name == f"{FACE}sface.onnx"
    assert asked == [(MIN_SCORE,)]
