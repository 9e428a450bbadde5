"""Faces are turned to FFHQ's place, restored, and laid back; the rest of the picture stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

pytest.importorskip("cv2")

from dbsweep.errors import ResourceError
from dbsweep.postprocess import faces
from dbsweep.postprocess.faces import SIDE, TEMPLATE, FaceRestorer, aligned, face_places, lay, similarity
from dbsweep.postprocess.image_models import load_face_restorer
from tests.postprocess.small_models import Knows, Pixels, gfpgan, landmarks, noise, restoreformer, write_model


def smooth(height: int, width: int) -> Pixels:
    """A picture that resampling changes little."""
    small = Image.fromarray(noise(height // 40, width // 40))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


PLACES = [(1.0, 0.0, (300.0, 300.0)), (0.4, 25.0, (220.0, 330.0)), (1.5, -70.0, (380.0, 400.0))]


@pytest.mark.parametrize(("scale", "degrees", "at"), PLACES)
def test_five_points_are_taken_to_their_places(scale: float, degrees: float, at: tuple[float, float]) -> None:
    points = landmarks(scale, degrees, at)
    place = similarity(points)
    assert np.concatenate([points, np.ones((5, 1))], axis=1) @ place.T == pytest.approx(TEMPLATE, abs=1e-6)
    assert np.hypot(*place[:, 0]) == pytest.approx(1 / scale)


def test_points_that_are_no_such_face_are_taken_as_near_as_turning_and_scaling_does() -> None:
    """Of nearby similarities none is nearer: a mouth that is off does not stretch the face."""
    points = landmarks(1.0, 10.0, (256, 256)) + np.random.default_rng(0).normal(0, 8, (5, 2))
    place = similarity(points)
    homogeneous = np.concatenate([points, np.ones((5, 1))], axis=1)

    def error(matrix: npt.NDArray[np.float64]) -> float:
        return float(((homogeneous @ matrix.T - TEMPLATE) ** 2).sum())

    assert place[0, 0] == pytest.approx(place[1, 1])
    assert place[0, 1] == pytest.approx(-place[1, 0])
    for a, b, right, down in np.eye(4) * 1e-3:
        for sign in (1, -1):
            assert error(place) < error(place + sign * np.array([[a, -b, right], [b, a, down]]))


@pytest.mark.parametrize(("scale", "degrees", "at"), PLACES)
def test_a_face_that_is_laid_back_as_it_was_changes_nothing(
    scale: float, degrees: float, at: tuple[float, float]
) -> None:
    picture = smooth(800, 720)
    place = similarity(landmarks(scale, degrees, at))
    back = picture.copy()
    lay(back, aligned(picture, place), place, 1.0)
    assert np.abs(back.astype(int) - picture).max() <= 6


def test_the_edges_of_a_face_fade_and_the_rest_stays() -> None:
    picture = np.zeros((900, 900, 3), dtype=np.uint8)
    place = similarity(landmarks(1.0, 0.0, (450, 450)))  # its square is 194 to 706
    lay(picture, np.full((SIDE, SIDE, 3), 200, dtype=np.uint8), place, 1.0)
    row = picture[450, :, 0].astype(int)
    assert (row[:194].max(), row[707:].max()) == (0, 0)
    assert set(row[194 + 52 : 706 - 52]) == {200}
    assert (np.diff(row[194:247]) >= 0).all()
    assert np.abs(np.diff(row)).max() <= 8


@pytest.mark.parametrize("at", [(0.0, 0.0), (100.0, 690.0), (-5000.0, 40.0)])
def test_a_face_may_reach_out_of_the_picture(at: tuple[float, float]) -> None:
    picture, place = smooth(700, 600), similarity(landmarks(0.8, 0.0, at))
    back = picture.copy()
    face = aligned(picture, place)
    assert face.shape == (SIDE, SIDE, 3)
    lay(back, face, place, 1.0)
    assert np.abs(back.astype(int) - picture).max() <= 6


def test_visibility_is_the_share_of_the_restored_face() -> None:
    place, picture = similarity(landmarks(0.5, 0.0, (300, 300))), smooth(600, 600)
    face = np.full((SIDE, SIDE, 3), 255, dtype=np.uint8)
    whole, some, none = picture.copy(), picture.copy(), picture.copy()
    for back, visibility in ((whole, 1.0), (some, 0.25), (none, 0.0)):
        lay(back, face, place, visibility)
    assert np.array_equal(none, picture)
    assert whole[300, 300].tolist() == [255] * 3
    assert np.abs(some - (0.75 * picture + 0.25 * whole)).max() <= 0.75


def test_every_face_is_found_once_and_the_small_ones_in_the_second_look() -> None:
    """At 320 pixels a group's faces may be too small for the detector; what it finds within a face is no other one."""
    large, small = landmarks(0.5, 0.0, (400, 400)), landmarks(0.04, 0.0, (1200, 200))
    nearly = large + 3.0

    class SeesMoreFromNear(Knows):
        def detect(self, image: Pixels) -> tuple[int, Any]:
            rows: Any = super().detect(image)[1]
            return 1, rows[:1] if self.size[0] <= 320 else rows[1:]

    places = face_places(SeesMoreFromNear(1500, large, nearly, small), noise(800, 1500))
    assert [np.round(1 / np.hypot(*place[:, 0]), 3) for place in places] == [0.5, 0.04]


def test_faces_of_less_than_five_pixels_between_the_eyes_are_left() -> None:
    too_small, large_enough = landmarks(4.9 / 126, 0, (50, 50)), landmarks(5.1 / 126, 0, (200, 50))
    assert len(face_places(Knows(300, too_small, large_enough), noise(100, 300))) == 1


def restorer(folder: Path, detector: Knows, visibility: float = 1.0) -> FaceRestorer:
    model = load_face_restorer(write_model(folder / "restorer.safetensors", restoreformer()), "cpu")
    return FaceRestorer(model, detector, visibility)


def test_no_face_is_no_change(tmp_path: Path) -> None:
    picture = noise(100, 100)
    made, count = restorer(tmp_path, Knows(100)).restore(picture)
    assert (np.array_equal(made, picture), count) == (True, 0)


def test_gfpgan_takes_and_makes_levels_from_minus_one_to_one_with_the_noise_of_its_file() -> None:
    """As its authors call it: what spandrel's own call gives is another picture, and each time another one."""
    picture = smooth(600, 600)
    points = landmarks(1.0, 0.0, (300, 300))
    made, count = FaceRestorer(gfpgan(), Knows(600, points)).restore(picture)
    again, _ = FaceRestorer(gfpgan(), Knows(600, points)).restore(picture)
    assert np.array_equal(made, again)
    assert count == 1
    outside = np.ones((600, 600), dtype=bool)
    outside[43:557, 43:557] = False
    assert np.array_equal(made[outside], picture[outside])
    levels = torch.from_numpy(picture[44:556, 44:556] / np.float32(255)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        own = gfpgan().model(levels * 2 - 1, return_rgb=False, randomize_noise=False)[0][0].clamp(-1, 1)
    directly = ((own + 1) * 127.5).permute(1, 2, 0).numpy()
    assert np.abs(made[144:456, 144:456] - directly[100:412, 100:412]).max() <= 1.5
    with torch.inference_mode():
        other = gfpgan().model(levels, return_rgb=False, randomize_noise=False)[0][0].clamp(0, 1) * 255
    assert np.abs(directly - other.permute(1, 2, 0).numpy()).max() > 10, "what the test would tell of"


def test_out_of_memory_says_what_helps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def run(*_: object) -> Pixels:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(faces, "run", run)
    with pytest.raises(ResourceError, match="while restoring a face; what helps: the CPU"):
        restorer(tmp_path, Knows(600, landmarks(1.0, 0.0, (300, 300)))).restore(noise(600, 600))
