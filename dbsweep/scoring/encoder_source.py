"""What names an encoder: an open_clip model with its tag, a hub model, a local folder. Needs no torch."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

from dbsweep.config.fields import LOCAL
from dbsweep.config.messages import closest
from dbsweep.errors import ModelError
from dbsweep.models.face_detector import check_network, check_opencv
from dbsweep.models.left_out import leave_out, let_in

HUB = "hf-hub:"
"""open_clip's prefix of hub ids."""

OPEN_CLIP_CONFIG = "open_clip_config.json"


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
        if not (folder / OPEN_CLIP_CONFIG).is_file():
            raise ModelError(f"{field}: {str(folder)!r} is not an open_clip folder: it has no {OPEN_CLIP_CONFIG}")
        return f"{LOCAL}{folder}"
    if "/" not in name.strip("/"):
        raise ModelError(f"{field}: {name!r} is neither a folder nor an open_clip model/tag like ViT-L-14/openai")
    return name


def model_and_tag(name: str, field: str = "evaluate.encoder") -> tuple[str, str]:
    """The two halves of a name that is neither a folder nor of the hub; ModelError unless open_clip knows both."""
    table = _table()
    model, _, tag = name.rpartition("/")
    tags = table.list_pretrained_tags_by_model(model)
    if tag in tags:
        return model, tag
    if tags:
        raise ModelError(f"{field}: there is no {name!r}: {model} has the tags {', '.join(tags)}")
    meant = closest(model, (known for known, _ in table.list_pretrained()))
    hint = "" if meant is None else f"; did you mean {meant!r}?"
    raise ModelError(f"{field}: there is no folder {name!r}, and open_clip knows no pretrained model {model!r}{hint}")


def hub_id_of(model: str, tag: str) -> str:
    """The repository in which open_clip looks for the weights of a model that it knows."""
    # Their file's name may follow, or nothing after the slash.
    return str(_table().get_pretrained_cfg(model, tag)["hf_hub"]).rpartition("/")[0]


@cache
def _table() -> ModuleType:
    """open_clip's list of what it knows, which is loaded alone: the package brings torch, of no use to a driver."""
    if "open_clip" in sys.modules:
        return importlib.import_module("open_clip.pretrained")
    spec = importlib.util.find_spec("open_clip")
    assert spec is not None
    alone = ModuleType("dbsweep_open_clip")
    alone.__path__ = list(spec.submodule_search_locations or ())
    sys.modules[alone.__name__] = alone
    leave_out("safetensors.torch")  # which it only looks for
    try:
        return importlib.import_module(f"{alone.__name__}.pretrained")
    finally:
        let_in("safetensors.torch")


def check_faces(detector: Path, recognizer: Path) -> None:
    """Whether the files and OpenCV are there; loads neither.

    Raises:
        ResourceError: OpenCV is not installed.
        ModelError: a file is missing.
    """
    check_network("evaluate.identity.face_detector", detector)
    check_network("evaluate.identity.face_recognizer", recognizer)
    check_opencv("evaluate.identity")
