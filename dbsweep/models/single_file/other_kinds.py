"""Base models that are known to be of another kind before anything is downloaded; needs no torch."""

from __future__ import annotations

from pathlib import Path

from dbsweep.models.single_file.kinds import refuse_other_kinds
from dbsweep.models.single_file.pickle_names import names_in_pickle
from dbsweep.models.sources import check_safetensors, is_hub_id, refuse_other_families

_BY_NAME = {
    "stable-diffusion-xl": "an SDXL model",
    "sdxl": "an SDXL model",
    "stable-diffusion-3": "a Stable Diffusion 3 model",
    "flux.1": "a Flux model",
}
"""What the names of hub ids tell."""


def refuse_other_models(source: str) -> None:
    """ModelError, naming the kind, for what is no Stable Diffusion 1.x or 2.x by its files here or in the hub's cache.

    What is missing is left to `dbsweep.models.sources.check_base`, and the hub is not asked.
    """
    path = Path(source)
    if path.is_dir():
        refuse_other_families(path)
    elif path.is_file() and path.suffix == ".safetensors":
        refuse_other_kinds(source, check_safetensors(path))
    elif path.is_file() and path.suffix == ".ckpt":
        refuse_other_kinds(source, dict.fromkeys(names_in_pickle(path), ()))
    elif (cached := cached_folder(source)) is not None:
        refuse_other_families(cached, source)


def kind_by_name(source: str) -> str | None:
    """What a hub id of which nothing lies here probably is, where that is another kind of model."""
    if Path(source).exists() or not is_hub_id(source) or cached_folder(source) is not None:
        return None
    return next((kind for word, kind in _BY_NAME.items() if word in source.lower()), None)


def cached_folder(source: str) -> Path | None:
    """Where the hub's cache has the index of a pipeline, and more of it or not; None for what is no hub id too."""
    if Path(source).exists() or not is_hub_id(source):
        return None
    from huggingface_hub import try_to_load_from_cache  # a third of a second that folders and files need not wait for

    index = try_to_load_from_cache(source, "model_index.json")
    return Path(index).parent if isinstance(index, str) else None
