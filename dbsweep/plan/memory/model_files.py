"""How large a base model is: by its configurations and the shapes of its weights where it lies here, else by name."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from dbsweep.config.lora import LAYERS, Targets
from dbsweep.plan.memory.activations import TextShape, UNetShape
from dbsweep.plan.memory.pickled_shapes import pickled_shapes
from dbsweep.plan.memory.sizes import MINISD, SD1, SD2, ModelSize

NAME: Final = "by the base model's files"
BY_BYTES: Final = "by the size of the base model's file, taking its weights to be in half precision"
UNKNOWN: Final = "taking the base model to be as large as Stable Diffusion 1"
SINGLE_FILE: Final = {
    "unet": "model.diffusion_model.",
    "text_encoder": "cond_stage_model.",
    "vae": "first_stage_model.",
}
"""How the names of each network's weights begin in a single file."""
OPEN_CLIP: Final = "cond_stage_model.model."
"""How those of Stable Diffusion 2's text encoder begin."""
LATER_OPEN_CLIP: Final = "conditioner.embedders.0.model."
"""How they begin in files of Stability's later code."""

_NAMES_BYTES: Final = 2**22
"""As `dbsweep.models.single_file.pickle_names` reads of a ``.ckpt``."""

_HALF_BYTES: Final = 2
"""Of a number in half precision, the least that such files are written in."""

Shapes: TypeAlias = Mapping[str, Sequence[int]]
"""Sizes of tensors, by name."""


def size_of(base_model: str) -> ModelSize:
    """The size of an experiment's base model: by its files if they are here, else by its name."""
    name = base_model.lower()
    if name == "minisd":
        return MINISD
    if (size := size_on_disk(base_model)) is not None:
        return size
    if "stable-diffusion-2" in name:
        return SD2
    if "stable-diffusion-v1" in name:
        return SD1
    return dataclasses.replace(SD1, name=UNKNOWN)


def size_on_disk(source: str) -> ModelSize | None:
    """The size of a diffusers folder or a single file; nothing of a pickle is run for it.

    Returns:
        None for a hub id, for other kinds of file, and for what is no whole model: `dbsweep.models.sources` tells why.
    """
    path = Path(source)
    try:
        if path.is_dir():
            return _size_of_folder(path)
        if path.is_file() and path.suffix == ".ckpt":
            return _size_of_pickle(path)
        return _size_of_weights(dict(_header(path))) if path.is_file() and path.suffix == ".safetensors" else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def parameters_in(file: Path) -> int:
    """How many numbers a file of weights has, by their shapes: a safetensors file, or a pickle that torch has zipped.

    Raises:
        OSError, ValueError, LookupError, TypeError, AttributeError: it cannot be read, or is another file.
    """
    return _parameters(dict(_header(file)) if file.suffix == ".safetensors" else pickled_shapes(file))


def _size_of_folder(folder: Path) -> ModelSize:
    unet, text = _config(folder / "unet"), _config(folder / "text_encoder")
    shapes = {name: dict(_shapes_in(folder / name)) for name in SINGLE_FILE}
    levels = len(unet["block_out_channels"])
    vae_channels = _config(folder / "vae")["block_out_channels"]
    return ModelSize(
        name=NAME,
        **{name: _parameters(shapes[name]) for name in SINGLE_FILE},
        lora=_by_targets(shapes, _rank_one),
        dora=_by_targets(shapes, _magnitudes),
        unet_shape=UNetShape(
            channels=tuple(unet["block_out_channels"]),
            layers=int(unet["layers_per_block"]),
            attends=tuple("CrossAttn" in unet["down_block_types"][level] for level in range(levels)),
            factor=2 ** (len(vae_channels) - 1),
        ),
        text_shape=TextShape(
            width=text["hidden_size"],
            layers=text["num_hidden_layers"],
            hidden=text["intermediate_size"],
            quick=text["hidden_act"] == "quick_gelu",
            tokens=text["max_position_embeddings"],
        ),
        vae_features=max(vae_channels[:2]),  # what is enlarged last has the second level's
    )


def _size_of_weights(named: Shapes) -> ModelSize | None:
    """Single files have no configuration: their layout is that of Stable Diffusion 1 or 2."""
    shapes = {name.replace(LATER_OPEN_CLIP, OPEN_CLIP): shape for name, shape in named.items()}
    parameters = {
        network: _parameters({name: shape for name, shape in shapes.items() if name.startswith(beginning)})
        for network, beginning in SINGLE_FILE.items()
    }
    if not (parameters["unet"] and parameters["text_encoder"]):
        return None
    like = SD2 if any(name.startswith(OPEN_CLIP) for name in shapes) else SD1
    vae = parameters["vae"] or like.vae  # the VAE may come from elsewhere (`vae`)
    return dataclasses.replace(
        like, name=NAME, unet=parameters["unet"], text_encoder=parameters["text_encoder"], vae=vae
    )


def _size_of_pickle(file: Path) -> ModelSize | None:
    """By the shapes of its weights, else that of its family, and no more than the file has room for.

    What is older than torch 1.6, or has more beside the weights than `pickled_shapes` passes over, tells names alone,
    which stand at the beginning.
    """
    with contextlib.suppress(ValueError):
        return _size_of_weights(pickled_shapes(file))
    with file.open("rb") as stream:
        beginning = stream.read(_NAMES_BYTES)
    if SINGLE_FILE["unet"].encode() not in beginning:
        return None
    like = SD2 if any(name.encode() in beginning for name in (OPEN_CLIP, LATER_OPEN_CLIP)) else SD1
    there = [network for network, name in SINGLE_FILE.items() if network != "vae" or name.encode() in beginning]
    return _shrunk(like, there, file.stat().st_size // _HALF_BYTES)


def _shrunk(like: ModelSize, there: Sequence[str], most: int) -> ModelSize:
    """A size of which the networks that are `there` have at most so many parameters together."""
    parameters = {network: getattr(like, network) for network in there}
    whole = sum(parameters.values())
    if whole <= most:
        return like
    fewer = {network: count * most // whole for network, count in parameters.items()}
    return dataclasses.replace(like, name=BY_BYTES, **fewer)


def _config(network: Path) -> dict[str, Any]:
    content = json.loads((network / "config.json").read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise TypeError(f"{network}: its configuration is no object")
    return content


def _shapes_in(network: Path) -> Iterator[tuple[str, Sequence[int]]]:
    """Of all files of a network; a variant (``….fp16.safetensors``) holds the same tensors once more."""
    if files := list(network.glob("[!.]*.safetensors")):
        for file in files:
            yield from _header(file)
    elif files := list(network.glob("[!.]*.bin")):
        for file in files:
            yield from pickled_shapes(file).items()
    else:
        raise FileNotFoundError(f"{network}: no file of weights")


def _header(file: Path) -> Iterator[tuple[str, Sequence[int]]]:
    with file.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        if size > file.stat().st_size:
            raise ValueError(f"{file}: truncated")
        header = json.loads(stream.read(size))
    return ((name, entry["shape"]) for name, entry in header.items() if name != "__metadata__")


def _parameters(shapes: Shapes) -> int:
    return sum(math.prod(shape) for shape in shapes.values())


def _by_targets(shapes: Mapping[str, Shapes], count: Callable[[Sequence[int]], int]) -> dict[str, dict[Targets, int]]:
    """Sums over the layers that `train.lora_targets` adapts, by network and targets."""
    return {
        network: {
            targets: sum(count(shape) for name, shape in shapes[network].items() if name.endswith(_weights(layers)))
            for targets, layers in of_targets.items()
        }
        for network, of_targets in LAYERS.items()
    }


def _weights(layers: Sequence[str]) -> tuple[str, ...]:
    return tuple(f".{layer}.weight" for layer in layers)


def _rank_one(shape: Sequence[int]) -> int:
    """Parameters of a LoRA of rank 1: a row of all that a weight reads, a column of what it gives."""
    return math.prod(shape[1:]) + shape[0]


def _magnitudes(shape: Sequence[int]) -> int:
    """What DoRA adds: a number for each feature that a weight gives."""
    return shape[0]
