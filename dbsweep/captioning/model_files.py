"""What names a captioner: a folder or a hub id, looked at without loading it. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from dbsweep.captioning.tags import TAG_FILE
from dbsweep.errors import ModelError
from dbsweep.models.hub import ANY_MODEL_WEIGHTS, download
from dbsweep.models.network_folder import CONFIG, local_folder, read_config, with_weights

Kind: TypeAlias = Literal["git", "blip", "blip-2", "florence2", "tagger"]

KINDS: Final[dict[Kind, str]] = {
    "git": "GIT",
    "blip": "BLIP",
    "blip-2": "BLIP-2",
    "florence2": "Florence-2",
    "tagger": "WD14 taggers",
}
"""What people call them; the keys but for the last are ``model_type`` in a ``config.json``."""

_FILES = (
    *(CONFIG, "generation_config.json", "*processor_config.json", "tokenizer*", "special_tokens_map.json"),
    *("added_tokens.json", "vocab.*", "merges.txt", TAG_FILE),
)
_TAKE = (
    "take one such as microsoft/git-large-coco or florence-community/Florence-2-large, or SmilingWolf/wd-vit-tagger-v3"
    " for tags"
)


@dataclass(frozen=True, slots=True)
class FoundCaptioner:
    """A model that has been looked at, and not loaded.

    Attributes:
        name: as the person gave it.
        folder: where it lies here; None for one of the hub.
    """

    name: str
    kind: Kind
    folder: Path | None

    def files(self) -> Path:
        """The folder with its weights, which those of the hub are fetched for.

        Raises:
            ModelError, DiskError: as `dbsweep.models.hub.download`.
        """
        return with_weights(self.name, self.folder, _FILES)


def find_captioner(name: str) -> FoundCaptioner:
    """The captioner or tagger that a name stands for; of one on the hub no more than its configuration is fetched.

    Args:
        name: a local folder, or a hub id.

    Raises:
        ModelError: it is none, lacks files, wants code of its own to be run, or is not to be had.
        DiskError: as `dbsweep.models.hub.download`.
    """
    folder = local_folder(name, "captioner", _TAKE)
    if folder is not None:
        return FoundCaptioner(name, _kind(folder, name), folder)
    configured = download(name, (CONFIG, TAG_FILE), f"model {name}", later=ANY_MODEL_WEIGHTS)
    return FoundCaptioner(name, _kind(configured, name), None)


def _kind(folder: Path, name: str) -> Kind:
    config = read_config(folder, name, "captioner", _TAKE)
    if "architecture" in config or (folder / TAG_FILE).is_file():
        return _tagger(folder, name, config)
    model_type = config.get("model_type", "nameless")
    for kind in KINDS:
        if kind == model_type and kind != "tagger":
            return kind
    *several, last = KINDS.values()
    raise ModelError(
        f"model {name}: its {CONFIG} tells of a {model_type} model, which writes no captions; {', '.join(several)} and"
        f" {last} do: {_TAKE}"
    )


def _tagger(folder: Path, name: str, config: dict[str, Any]) -> Kind:
    if "architecture" not in config:
        raise ModelError(
            f"model {name}: its {CONFIG} tells of no timm model (architecture), as those of SmilingWolf's v3 taggers"
            f" do; {_TAKE}"
        )
    if not (folder / TAG_FILE).is_file():
        raise ModelError(f"model {name}: it has no {TAG_FILE}, so nobody knows its tags; get that file, or {_TAKE}")
    return "tagger"
