"""A LoRA trains as its equations say, alone, and its checkpoint is the adapter alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.checkpoints import CheckpointManifest, attach_lora, write_checkpoint
from dbsweep.models.export.lora import take_lora
from dbsweep.models.export.lora_files import save_kohya
from dbsweep.models.export.metadata import Origin
from dbsweep.models.loading import load_base
from dbsweep.models.restoring import read_weights
from dbsweep.sampling.request import ImageRequest
from dbsweep.sampling.sampler import draw
from dbsweep.training import trainer as trainer_module
from dbsweep.training.trainer import Trainer
from tests.models.diffusers_lora import with_lora
from tests.training.dreambooth import ALWAYS, PHOTOS, concept, differing, distance, fresh_models, make_trainer, settings
from tests.training.test_reference import STEPS, TOLERANCE, reference

REQUEST = ImageRequest("photo of ohwx man", num_inference_steps=2, width=64, height=64)
ENDS = {
    "unet": ("to_q", "to_k", "to_v", "to_out.0"),
    "text_encoder": ("q_proj", "k_proj", "v_proj", "out_proj"),
}


class PlainLora(nn.Module):
    """W x + b + alpha / rank * B A x, straight from the paper."""

    def __init__(self, layer: nn.Linear, down: torch.Tensor, up: torch.Tensor, alpha: float) -> None:
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.down, self.up = nn.Parameter(down.clone()), nn.Parameter(up.clone())
        self.scale = alpha / len(down)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        low = functional.linear(inputs, self.down)
        added: torch.Tensor = self.scale * functional.linear(low, self.up)
        plain: torch.Tensor = self.layer(inputs)
        return plain + added


def lay_plain(network: nn.Module, name: str, start: dict[str, torch.Tensor], alpha: float) -> None:
    """Plain LoRA with the same first factors as peft's, which are in a trainer's state."""
    network.requires_grad_(False)
    for path, layer in list(network.named_modules()):
        if path.endswith(tuple("." + end for end in ENDS[name])):
            down, up = (start[f"{name}.{path}.lora_{factor}.default.weight"] for factor in "AB")
            parent, _, child = path.rpartition(".")
            setattr(network.get_submodule(parent), child, PlainLora(layer, down, up, alpha))


@pytest.mark.parametrize(
    ("changes", "text_encoder_steps"),
    [
        ({}, ALWAYS),
        ({"lora_alpha": 6.0, "weight_decay": 0.1}, 4),
        ({"batch_size": 2, "gradient_accumulation": 2, "text_encoder_learning_rate": 2e-3}, ALWAYS),
        ({"class_images_per_instance": 0}, 0),
        ({"lora_plus_ratio": 4.0, "text_encoder_learning_rate": 2e-3, "weight_decay": 0.1}, 4),
        ({"lora_plus_ratio": 4.0, "lora_alpha": 6.0, "class_images_per_instance": 0}, 0),
        ({"lora_max_norm": 0.05, "lora_alpha": 6.0}, 4),
        ({"lora_max_norm": 0.05, "lora_plus_ratio": 4.0, "batch_size": 2}, ALWAYS),
    ],
    ids=str,
)
def test_ten_steps_equal_the_equations(tiny_sd: Path, changes: dict[str, object], text_encoder_steps: int) -> None:
    train = settings(**{"lora_rank": 3, "learning_rate": 5e-3, **changes})
    ours, theirs = fresh_models(tiny_sd), fresh_models(tiny_sd)
    trainer = make_trainer(ours, train, text_encoder_steps)
    start = trainer.state()
    alpha = train.lora_alpha or 3
    lay_plain(theirs.unet, "unet", start, alpha)
    if text_encoder_steps:
        lay_plain(theirs.text_encoder, "text_encoder", start, alpha)
    trainer.train_until(STEPS)
    reference(theirs, concept(PHOTOS * train.class_images_per_instance), train, text_encoder_steps)
    end = trainer.state()
    for name, network in (("unet", theirs.unet), ("text_encoder", theirs.text_encoder)):
        plain = {k: v for k, v in network.state_dict().items() if k.endswith((".down", ".up"))}
        if not plain:
            assert not [key for key in end if key.startswith(f"{name}.")]
            continue
        keys = {
            k: f"{name}.{k.rpartition('.')[0]}.lora_{'A' if k.endswith('down') else 'B'}.default.weight" for k in plain
        }
        difference = sum((end[keys[k]] - v).double().square().sum() for k, v in plain.items()) ** 0.5
        moved = sum((start[keys[k]] - v).double().square().sum() for k, v in plain.items()) ** 0.5
        assert difference / moved < TOLERANCE
        assert set(keys.values()) == {k for k in end if k.startswith(f"{name}.")}


def test_only_the_adapters_move(tiny_sd: Path) -> None:
    models, base = fresh_models(tiny_sd), fresh_models(tiny_sd)
    trainer = make_trainer(models, settings(lora_rank=2, lora_targets="convolution", weight_decay=0.5), 3)
    trainer.train_until(5)
    assert trainer.lora is not None
    kept = {k.replace(".base_layer", ""): v for k, v in models.unet.state_dict().items() if ".lora_" not in k}
    assert kept.keys() == base.unet.state_dict().keys()
    assert all(torch.equal(value, kept[key]) for key, value in base.unet.state_dict().items())
    assert not [k for k in trainer.state() if "lora_" not in k and k.startswith(("unet.", "text_encoder."))]


def write(
    trainer: Trainer, models: StableDiffusion, folder: Path, with_text_encoder: bool = True
) -> CheckpointManifest:
    return write_checkpoint(
        folder,
        unet=models.unet,
        text_encoder=models.text_encoder if with_text_encoder else None,
        state=None,
        manifest=CheckpointManifest(id="b01-000005", step=5, epoch=1, base_sha256=models.sha256, lora=trainer.lora),
    )


@pytest.mark.parametrize(
    "changes", [{}, {"lora_dora": True}, {"lora_targets": "convolution", "lora_alpha": 9.0}], ids=str
)
def test_a_checkpoint_of_the_adapter_draws_what_the_trained_networks_drew(
    tiny_sd: Path, tmp_path: Path, changes: dict[str, object]
) -> None:
    models = fresh_models(tiny_sd)
    [untrained] = draw(models, [REQUEST])
    trainer = make_trainer(models, settings(lora_rank=2, learning_rate=0.02, **changes))
    trainer.train_until(5)
    [expected] = draw(models, [REQUEST])
    manifest = write(trainer, models, tmp_path / "c")
    assert set(manifest.files) == {"lora.safetensors"}
    other = fresh_models(tiny_sd)
    make_trainer(other, settings(), 0).train_until(2)  # another trial has used these networks
    read_weights(tmp_path / "c", other)
    assert other.unet.state_dict().keys() == load_base(str(tiny_sd)).unet.state_dict().keys()
    [drawn] = draw(other, [REQUEST])
    assert np.abs(drawn.astype(int) - expected.astype(int)).max() <= 1
    assert np.abs(untrained.astype(int) - expected.astype(int)).max() > 5


def test_the_adapter_of_a_checkpoint_can_be_exported(tiny_sd: Path, tmp_path: Path) -> None:
    models = fresh_models(tiny_sd)
    trainer = make_trainer(models, settings(lora_rank=2, learning_rate=0.02), 0)
    trainer.train_until(3)
    write(trainer, models, tmp_path / "c", with_text_encoder=False)
    base = load_base(str(tiny_sd))
    attach_lora(tmp_path / "c", base)
    lora = take_lora({"unet": base.unet, "text_encoder": base.text_encoder})
    assert {name.partition(".")[0] for name in lora} == {"unet"}
    save_kohya(lora, base, tmp_path / "ohwx.safetensors", origin=Origin(title="ohwx", date="2026-01-02", resolution=64))
    merged = with_lora(tiny_sd, tmp_path / "ohwx.safetensors")
    read = fresh_models(tiny_sd)
    read_weights(tmp_path / "c", read)
    assert distance(merged.unet, read.unet, fresh_models(tiny_sd).unet) < 1e-5


@pytest.mark.parametrize(
    ("changes", "text_encoder_steps"),
    [({}, 2), ({"lora_targets": "convolution", "gradient_checkpointing": True, "lora_dropout": 0.1}, 0)],
    ids=str,
)
def test_a_unet_held_in_half_precision_trains_the_same_bits(
    tiny_sd: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], text_encoder_steps: int
) -> None:
    """Autocast rounds what does not train in every pass; here it is rounded once."""
    train = settings(lora_rank=2, precision="bf16", learning_rate=0.02, **changes)
    held = make_trainer(fresh_models(tiny_sd), train, text_encoder_steps)
    monkeypatch.setattr(trainer_module, "hold_in_half", lambda *_: None)
    whole = make_trainer(fresh_models(tiny_sd), train, text_encoder_steps)
    assert held.train_until(4).loss == whole.train_until(4).loss
    assert differing(held.state(), whole.state()) == []


def in_half(network: nn.Module) -> set[str]:
    return {name for name, value in network.state_dict().items() if value.dtype is torch.bfloat16}


def test_what_autocast_rounds_and_does_not_train_is_held_in_half_precision(tiny_sd: Path) -> None:
    models = fresh_models(tiny_sd)
    make_trainer(models, settings(lora_rank=2, lora_targets="convolution", precision="bf16"))
    norms = {name for name, layer in models.unet.named_modules() if isinstance(layer, (nn.GroupNorm, nn.LayerNorm))}
    kept = {key for key in models.unet.state_dict() if ".lora_" in key or key.rpartition(".")[0] in norms}
    assert in_half(models.unet) == models.unet.state_dict().keys() - kept
    assert len(kept) > len(norms) > 0
    assert not in_half(models.text_encoder) | in_half(models.vae)


@pytest.mark.parametrize(
    "changes", [{}, {"precision": "bf16", "lora_dora": True}, {"precision": "bf16", "lora_rank": 0}]
)
def test_other_trainings_hold_float32(tiny_sd: Path, changes: dict[str, object]) -> None:
    """A DoRA's lengths are those of the weights; whole networks train them."""
    models = fresh_models(tiny_sd)
    make_trainer(models, settings(**{"lora_rank": 2, **changes}))
    assert not in_half(models.unet)


def test_a_lora_in_half_precision_draws_what_its_checkpoint_does(tiny_sd: Path, tmp_path: Path) -> None:
    """Up to the rounding of the base model's weights; the checkpoint is laid around those of its file."""
    models = fresh_models(tiny_sd)
    [untrained] = draw(models, [REQUEST])
    trainer = make_trainer(models, settings(lora_rank=2, learning_rate=0.02, precision="bf16"))
    trainer.train_until(5)
    [drawn], [in_bf16] = draw(models, [REQUEST]), draw(models, [REQUEST], precision="bf16")
    write(trainer, models, tmp_path / "c")
    read_weights(tmp_path / "c", models)
    assert models.unet.dtype is torch.float32
    other = fresh_models(tiny_sd)
    read_weights(tmp_path / "c", other)
    assert all(torch.equal(value, models.unet.state_dict()[key]) for key, value in other.unet.state_dict().items())
    [expected] = draw(models, [REQUEST])
    assert mean_difference(drawn, expected) < 0.1 * mean_difference(untrained, expected)
    assert mean_difference(in_bf16, expected) < 0.3 * mean_difference(untrained, expected)


def mean_difference(first: np.ndarray, second: np.ndarray) -> float:
    """In levels of 255."""
    return float(np.abs(first.astype(float) - second.astype(float)).mean())


def test_a_network_that_had_a_lora_trains_whole_again(tiny_sd: Path) -> None:
    used, fresh = fresh_models(tiny_sd), fresh_models(tiny_sd)
    make_trainer(used, settings(lora_rank=2))  # laid around, and no step made
    for models in (used, fresh):
        make_trainer(models, settings(), 2).train_until(3)
    again = used.unet.state_dict()
    assert all(torch.equal(value, again[key]) for key, value in fresh.unet.state_dict().items())


def test_the_seed_decides_the_first_factors(tiny_sd: Path) -> None:
    def first(**changes: object) -> torch.Tensor:
        torch.manual_seed(len(changes))
        key = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.default.weight"
        return make_trainer(fresh_models(tiny_sd), settings(lora_rank=2, **changes)).state()[key]

    assert torch.equal(first(), first(lora_dropout=0.1))
    assert not torch.equal(first(), first(seed=8))


def test_a_dora_trains_the_lengths_of_the_weights_too(tiny_sd: Path) -> None:
    trainer = make_trainer(fresh_models(tiny_sd), settings(lora_rank=2, lora_dora=True))
    start = trainer.state()
    trainer.train_until(2)
    lengths = [name for name in start if "lora_magnitude_vector" in name]
    assert len(lengths) == len([name for name in start if "lora_A" in name]) > 0  # one a layer
    trained = trainer.state()
    assert all(not torch.equal(trained[name], start[name]) for name in lengths)


def test_dropout_is_the_adapters(tiny_sd: Path) -> None:
    plain, dropped = (
        make_trainer(fresh_models(tiny_sd), settings(lora_rank=2, lora_dropout=share)) for share in (0.0, 0.5)
    )
    first = plain.train_until(1).loss
    assert dropped.train_until(1).loss == first  # they begin without effect
    assert dropped.train_until(2).loss != plain.train_until(2).loss
