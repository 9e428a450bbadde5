"""What a training pass keeps for its way back, and what a drawing makes: `python -m benchmarks.memory [--json]`.

The networks are SD 1.5's, SD 2.1's and MiniSD's at full size, on torch's fake tensors: they have shapes and types and
no values, so that every tensor that autograd saves is counted without the memory for it. Types are those of training on
CUDA: autocast, which normalises in float32, and the UNet's norms in half precision. Attention is a fused kernel, which
keeps no matrix, as on GPUs.

A picture is one that is guided, in float32, and counted is what lives at once besides weights.

Beside each count stands what the forecast's models have for it, `activations` and `drawing` of `dbsweep.plan.memory`.
"""

from __future__ import annotations

import argparse
import datetime
import json
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import CLIPTextConfig, CLIPTextModel

from dbsweep.minisd.paths import pipeline_path
from dbsweep.plan.memory.activations import saved_bytes, text_bytes
from dbsweep.plan.memory.drawing import picture_bytes
from dbsweep.plan.memory.sizes import MINISD, SD1, SD2, ModelSize
from dbsweep.training.norms import set_half_norms

TOKENS = 77
IMAGES = 2

FAMILIES: dict[str, tuple[ModelSize, int, dict[str, Any], dict[str, Any]]] = {
    "sd1": (
        SD1,
        512,
        {"cross_attention_dim": 768, "attention_head_dim": 8},
        {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12},
    ),
    "sd2": (
        SD2,
        768,
        {"cross_attention_dim": 1024, "attention_head_dim": (5, 10, 20, 20), "use_linear_projection": True},
        {
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_hidden_layers": 23,
            "num_attention_heads": 16,
            "hidden_act": "gelu",
        },
    ),
    "minisd": (MINISD, 64, {}, {}),
}
"""Size, resolution, and UNet and text encoder as published, where they differ from the classes' defaults."""


def counted(family: str, *, half: bool) -> tuple[int, int]:
    """Bytes that one image keeps in the UNet and one prompt in the text encoder, copies of weights aside."""
    _, resolution, unet_changes, text_changes = FAMILIES[family]
    with FakeTensorMode():
        unet, text_encoder = _networks(family, unet_changes, text_changes)
        latents = torch.empty(IMAGES, unet.config.in_channels, resolution // 8, resolution // 8)
        states = torch.empty(IMAGES, TOKENS, unet.config.cross_attention_dim)
        timesteps = torch.ones(IMAGES, dtype=torch.long)
        ids = torch.zeros(IMAGES, TOKENS, dtype=torch.long)
        unet_autocast, text_autocast = (_half_norms(unet), _autocast()) if half else (nullcontext(), nullcontext())
        with unet_autocast:
            image = _saved(unet, lambda: unet(latents, timesteps, encoder_hidden_states=states, return_dict=False))
        with text_autocast:
            prompt = _saved(text_encoder, lambda: text_encoder(ids))
        return image // IMAGES, prompt // IMAGES


def counted_picture(family: str) -> int:
    """Bytes that live at once, weights aside, when most does of one guided picture's drawing."""
    _, resolution, unet_changes, text_changes = FAMILIES[family]
    with FakeTensorMode(), torch.inference_mode():
        unet, vae = _networks(family, unet_changes, text_changes)[0].eval(), _vae(family).eval()
        latents = torch.empty(2, unet.config.in_channels, resolution // 8, resolution // 8)
        states = torch.empty(2, TOKENS, unet.config.cross_attention_dim)
        with Living() as denoising:
            unet(latents, torch.ones(2), encoder_hidden_states=states, return_dict=False)
        with Living() as decoding:
            vae.decode(latents[:1], return_dict=False)
        most: int = max(denoising.most, decoding.most)
        return most


class Living(TorchDispatchMode):  # type: ignore[no-untyped-call]  # of torch's
    """Counts bytes of storages that are made inside and not yet gone; `most` of them lived at once."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._living: dict[int, int] = {}
        self.most = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:  # noqa: ANN401
        given = {t.untyped_storage()._cdata for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)}
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if not isinstance(tensor, torch.Tensor):
                continue
            storage = tensor.untyped_storage()
            if storage._cdata not in given | self._living.keys():
                self._living[storage._cdata] = storage.nbytes()
                weakref.finalize(storage, self._living.pop, storage._cdata)
        self.most = max(self.most, sum(self._living.values()))
        return made


def modelled(family: str, *, half: bool) -> tuple[int, int]:
    """The same by the model of the forecast."""
    size, resolution, _, _ = FAMILIES[family]
    image = saved_bytes(size.unet_shape, resolution, half=half)
    return image, text_bytes(size.text_shape, half=half, checkpointing=False)


def _networks(
    family: str, unet_changes: dict[str, Any], text_changes: dict[str, Any]
) -> tuple[UNet2DConditionModel, CLIPTextModel]:
    if family == "minisd":
        folder = pipeline_path()
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(folder / "unet"))
        return unet.train(), CLIPTextModel(CLIPTextConfig.from_pretrained(folder / "text_encoder")).train()
    unet = UNet2DConditionModel(block_out_channels=(320, 640, 1280, 1280), **unet_changes)
    return unet.train(), CLIPTextModel(CLIPTextConfig(vocab_size=49408, **text_changes)).train()


def _vae(family: str) -> AutoencoderKL:
    if family == "minisd":
        return AutoencoderKL.from_config(AutoencoderKL.load_config(pipeline_path() / "vae"))
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    return AutoencoderKL(block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, **blocks)


def _saved(network: nn.Module, forward: Callable[[], object]) -> int:
    """Bytes of all storages that autograd saves in a forward pass, each once, weights and their copies aside."""
    shapes = {tuple(sorted(p.shape)) for p in network.parameters()}
    found: dict[int, torch.UntypedStorage] = {}  # kept, so that no id is used twice
    weights = {id(p.untyped_storage()) for p in network.parameters()}

    def save(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if id(storage) not in weights and tuple(sorted(tensor.shape)) not in shapes:
            found[id(storage)] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(save, lambda tensor: tensor):
        outcome = forward()  # held: what it saves lives as long
        count = sum(storage.nbytes() for storage in found.values())
        del outcome
    return count


@contextmanager
def _half_norms(unet: UNet2DConditionModel) -> Iterator[None]:
    """bf16 autocast as the trainer sets a UNet up for it."""
    set_half_norms(unet, True)
    with torch.autocast("cpu", torch.bfloat16):
        yield


@contextmanager
def _autocast() -> Iterator[None]:
    """bf16 autocast with CUDA's list of what is computed in float32: on the CPU norms are not on it."""
    group_norm = patch.object(functional, "group_norm", _in_float32(functional.group_norm))
    layer_norm = patch.object(functional, "layer_norm", _in_float32(functional.layer_norm))
    with group_norm, layer_norm, torch.autocast("cpu", torch.bfloat16):
        yield


def _in_float32(norm: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    def computed(hidden: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:  # noqa: ANN401
        with torch.autocast("cpu", enabled=False):
            return norm(hidden.float(), *args, **kwargs)

    return computed


def measure() -> dict[str, dict[str, int | float]]:
    """By family and precision: counted and modelled bytes of an image, a prompt and a picture, and their ratio."""
    found: dict[str, dict[str, int | float]] = {}
    for family in FAMILIES:
        for half in (False, True):
            rows = zip(("image", "prompt"), counted(family, half=half), modelled(family, half=half), strict=True)
            found[f"{family} {'half' if half else 'fp32'}"] = {
                key: value
                for what, count, model in rows
                for key, value in (
                    (f"counted_{what}", count),
                    (f"modelled_{what}", model),
                    (f"ratio_{what}", round(model / count, 3)),
                )
            }
        size, resolution, _, _ = FAMILIES[family]
        count, model = counted_picture(family), picture_bytes(size, resolution)
        row = {"counted_picture": count, "modelled_picture": model, "ratio_picture": round(model / count, 3)}
        found[f"{family} fp32"] |= row
    return found


def main() -> None:
    """Prints one line for each family and precision."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON alone on stdout")
    parser.add_argument("--out", type=Path, help="file for the result as JSON")
    given = parser.parse_args()
    found = measure()
    result = {**found, "torch": torch.__version__, "date": datetime.date.today().isoformat()}
    if given.out is not None:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if given.json:
        print(json.dumps(result, indent=1))
        return
    for name, row in found.items():
        print(name, ", ".join(f"{key} {value:,}" for key, value in row.items()))


if __name__ == "__main__":
    main()
