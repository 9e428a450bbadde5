"""Restoring the faces of a picture: each is turned upright to FFHQ's place, drawn anew by a model, and laid back."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from dbsweep.errors import ResourceError
from dbsweep.models.device_memory import is_out_of_memory
from dbsweep.models.face_detector import DETECTED_AT, Detector, Floats, find_faces
from dbsweep.postprocess.image_models import ImageModel
from dbsweep.postprocess.upscaling import run

Pixels = npt.NDArray[np.uint8]

SIDE: Final = 512
"""Of an aligned face, pixels."""
TEMPLATE: Final = np.array(
    [
        [192.98138, 239.94708],
        [318.90277, 240.1936],
        [256.63416, 314.01935],
        [201.26117, 371.41043],
        [313.08905, 371.15118],
    ]
)
"""Where FFHQ's faces have the eye at the left, the eye at the right, nose and corners of the mouth, in 512×512 pixels
(facexlib's figures, which GFPGAN was trained with)."""

_FEATHER: Final = 0.1
"""Share of the side over which a restored face fades into the picture."""
_CLOSER_AT: Final = 1280
"""Longer side in pixels at which a picture is looked at again, for the small faces of groups."""
_NEAREST_EYES: Final = 5.0
"""Pixels between the eyes; of less there is nothing to restore (as in A1111)."""


class FaceRestorer:
    """A model that restores faces, with the detector that finds them.

    Args:
        visibility: share of a restored face in the picture, 0 to 1.
    """

    def __init__(self, model: ImageModel, detector: Detector, visibility: float = 1.0) -> None:
        self._model = model
        self._detector = detector
        self._visibility = visibility

    @property
    def name(self) -> str:
        """Of the architecture: GFPGAN."""
        return str(self._model.architecture.name)

    def restore(self, picture: Pixels) -> tuple[Pixels, int]:
        """The picture with all its faces restored, and how many there are.

        Args:
            picture: (h, w, 3) uint8 RGB.

        Raises:
            ResourceError: there is no memory for a face.
        """
        places = face_places(self._detector, picture)
        restored = picture.copy()
        for place in places:
            lay(restored, self._draw(aligned(restored, place)), place, self._visibility)
        return restored, len(places)

    def _draw(self, face: Pixels) -> Pixels:
        try:
            return _gfpgan(self._model, face) if self._model.architecture.id == "GFPGAN" else run(self._model, face)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise ResourceError(
                "out of memory while restoring a face; what helps: the CPU (CUDA_VISIBLE_DEVICES= before the command)"
            ) from error


def face_places(detector: Detector, picture: Pixels) -> list[npt.NDArray[np.float64]]:
    """For each face the (2, 3) matrix that takes its pixels to their places in `TEMPLATE`."""
    bgr = np.ascontiguousarray(picture[:, :, ::-1])
    faces = list(find_faces(detector, bgr))
    if max(picture.shape[:2]) > DETECTED_AT:
        longer_side = min(_CLOSER_AT, max(picture.shape[:2]))
        faces += [face for face in find_faces(detector, bgr, longer_side) if not _is_within(face, faces)]
    points = [face[4:14].reshape(5, 2).astype(np.float64) for face in faces]
    return [similarity(each) for each in points if np.hypot(*(each[0] - each[1])) >= _NEAREST_EYES]


def _is_within(face: Floats, faces: list[Floats]) -> bool:
    """Whether a face has its middle in the box of another: it is the same one, or a part of it."""
    x, y = face[:2] + face[2:4] / 2
    return any(
        left <= x <= left + width and top <= y <= top + height for left, top, width, height in (f[:4] for f in faces)
    )


def similarity(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(2, 3): turning, scaling and moving that takes five points nearest to `TEMPLATE`, by least squares."""
    (x, y), one, zero = points.T, np.ones(len(points)), np.zeros(len(points))
    equations = np.concatenate([np.stack([x, -y, one, zero], axis=1), np.stack([y, x, zero, one], axis=1)])
    a, b, right, down = np.linalg.lstsq(equations, TEMPLATE.T.ravel(), rcond=None)[0]
    return np.array([[a, -b, right], [b, a, down]])


def aligned(picture: Pixels, place: npt.NDArray[np.float64]) -> Pixels:
    """(512, 512, 3): a face upright and at its place; what lies outside the picture is its mirror image."""
    import cv2

    scale = min(1.0, float(np.hypot(*place[:, 0])))
    if scale < 1.0:  # a large face is made smaller by areas first: picking pixels of it would leave some out
        height, width = picture.shape[:2]
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        place = place / [size[0] / width, size[1] / height, 1.0]
    face: Pixels = cv2.warpAffine(
        picture, place, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    ).astype(np.uint8)
    return face


def lay(picture: Pixels, face: Pixels, place: npt.NDArray[np.float64], visibility: float) -> None:
    """Lays an aligned face back where it comes from, in place; its edges fade."""
    import cv2

    back = cv2.invertAffineTransform(place)
    corners = np.array([[0, 0, 1], [SIDE, 0, 1], [0, SIDE, 1], [SIDE, SIDE, 1]]) @ back.T
    height, width = picture.shape[:2]
    left, top = np.clip(np.floor(corners.min(axis=0)), 0, [width, height]).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, [width, height]).astype(int)
    if left >= right or top >= bottom:  # landmarks may lie outside
        return
    there = back - [[0, 0, left], [0, 0, top]]
    size = (int(right - left), int(bottom - top))
    new = cv2.warpAffine(face, there, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    share = visibility * cv2.warpAffine(_mask(), there, size, flags=cv2.INTER_LINEAR)[:, :, None]
    window = picture[top:bottom, left:right]
    window[:] = np.rint(window + (new - window) * share)


def _mask() -> Floats:
    """(512, 512): 1 in the middle, 0 at the edge."""
    at = np.arange(SIDE) + 0.5
    rise = np.clip(np.minimum(at, SIDE - at) / (SIDE * _FEATHER), 0.0, 1.0)
    smooth = (rise * rise * (3 - 2 * rise)).astype(np.float32)
    return np.outer(smooth, smooth)


@torch.inference_mode()
def _gfpgan(model: ImageModel, face: Pixels) -> Pixels:
    """What GFPGAN makes of an aligned face.

    It takes and makes -1 to 1 (``GFPGANer.enhance`` of its authors), where spandrel's call hands it 0 to 1. Its noise
    is that of its file, not another one each time, so that the same face becomes the same.
    """
    levels = torch.tensor(face, device=model.device).permute(2, 0, 1)[None].to(model.dtype)
    made = model.model(levels / 127.5 - 1, return_rgb=False, randomize_noise=False)[0][0]
    pixels: Pixels = ((made.float() + 1) * 127.5).clamp(0, 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    return pixels
