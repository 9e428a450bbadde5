"""What names an encoder: an open_clip model with its tag, a hub model, a local folder. Needs no torch."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from dbsweep.errors import ModelError, ResourceError

LOCAL, HUB = "local-dir:", "hf-hub:"
"""open_clip's prefixes of model names."""


def encoder_source(name: str, field: str = "evaluate.encoder") -> str:
    """The name as open_clip takes it: of a folder with its prefix.

    Args:
        field: the setting that names it.

    Raises:
        ModelError: it is neither a model with a tag nor an open_clip folder.
    """
    if name.startswith(HUB):
        return name
    folder = Path(name.removeprefix(LOCAL)).expanduser()
    if name.startswith(LOCAL) or folder.is_dir():
        if not (folder / "open_clip_config.json").is_file():
            raise ModelError(f"{field}: {str(folder)!r} is not an open_clip folder: it has no open_clip_config.json")
        return f"{LOCAL}{folder}"
    if "/" not in name.strip("/"):
        raise ModelError(f"{field}: {name!r} is neither a folder nor an open_clip model/tag like ViT-L-14/openai")
    return name


def check_dino(name: str) -> None:
    """Whether a name can be a DINOv2's: a hub id or a transformers folder.

    Raises:
        ModelError: it is a folder of something else.
    """
    folder = Path(name).expanduser()
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise ModelError(f"evaluate.identity.dinov2: {name!r} is no model folder: it has no config.json")
    if not folder.is_dir() and (folder.is_absolute() or name.startswith(".")):
        raise ModelError(f"evaluate.identity.dinov2: there is no folder {name!r}")


def check_faces(detector: Path, recognizer: Path) -> None:
    """Whether the files and OpenCV are there; loads neither.

    Raises:
        ResourceError: OpenCV is not installed.
        ModelError: a file is missing.
    """
    for field, path in (("face_detector", detector), ("face_recognizer", recognizer)):
        if not path.is_file():
            raise ModelError(
                f"evaluate.identity.{field}: there is no file {str(path)!r}; get one from OpenCV's model zoo, "
                "https://github.com/opencv/opencv_zoo"
            )
    if importlib.util.find_spec("cv2") is None:
        raise ResourceError("evaluate.identity needs OpenCV for faces: pip install 'dbsweep[face]'")
