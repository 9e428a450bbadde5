"""What names an encoder: an open_clip model with its tag, a hub model, a local folder. Needs no torch."""

from __future__ import annotations

from pathlib import Path

from dbsweep.errors import ModelError

LOCAL, HUB = "local-dir:", "hf-hub:"
"""open_clip's prefixes of model names."""


def encoder_source(name: str) -> str:
    """The name as open_clip takes it: of a folder with its prefix.

    Raises:
        ModelError: it is neither a model with a tag nor an open_clip folder.
    """
    if name.startswith(HUB):
        return name
    folder = Path(name.removeprefix(LOCAL)).expanduser()
    if name.startswith(LOCAL) or folder.is_dir():
        if not (folder / "open_clip_config.json").is_file():
            raise ModelError(
                f"evaluate.encoder: {str(folder)!r} is not an open_clip folder: it has no open_clip_config.json"
            )
        return f"{LOCAL}{folder}"
    if "/" not in name.strip("/"):
        raise ModelError(
            f"evaluate.encoder: {name!r} is neither a folder nor an open_clip model/tag like ViT-L-14/openai"
        )
    return name
