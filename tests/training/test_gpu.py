"""What training does on the CPU it does on a GPU: the same weights up to rounding, the same again from a state."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.tensor_tree import read_tree, write_tree
from dbsweep.training import trainer as trainer_module
from dbsweep.training.attention import check_xformers
from dbsweep.training.determinism import same_bits
from dbsweep.training.passes import Pass, Replayed
from dbsweep.training.trainer import Trainer
from tests.training.dreambooth import ALWAYS, LONG, differing, distance, fresh_models, make_trainer, settings

pytestmark = pytest.mark.gpu

WAYS: dict[str, dict[str, object]] = {
    "fp32": {},
    "fp16": {"precision": "fp16"},
    "bf16": {"precision": "bf16"},
    "bf16 with less memory": {"precision": "bf16", "gradient_checkpointing": True, "optimizer": "adamw_8bit"},
    "channels last": {"precision": "bf16", "channels_last": True},
    "paged moments": {"optimizer": "paged_adamw_8bit"},
    "lion": {"optimizer": "lion_8bit", "learning_rate": 1e-4},
    "paged lion": {"optimizer": "paged_lion_8bit", "learning_rate": 1e-4},
    "adafactor": {"optimizer": "adafactor"},
    "prodigy": {"optimizer": "prodigy", "learning_rate": 1.0},
    "moving average": {"ema_decay": 0.9},
    "LoRA": {"lora_rank": 2, "lora_dropout": 0.2, "precision": "bf16"},
    "DoRA": {"lora_rank": 2, "lora_dora": True},
    "accumulated": {"batch_size": 2, "gradient_accumulation": 2, "noise_offset": 0.1, "min_snr_gamma": 5.0},
}


HALF = tuple(way for way, changes in WAYS.items() if changes.get("precision", "fp32") != "fp32")
"""Of two equal trainings in half precision the last bits differed on an H100 (torch 2.11). With ``--runxfail`` these
tests tell what differs; `test_a_pass_gives_the_same_gradients_twice` tells under which kernels of attention."""


def ways(*left_out: str) -> list[object]:
    """Those of `WAYS`."""
    unproven = pytest.mark.xfail(reason="half precision gave other bits", strict=False)
    return [pytest.param(way, marks=unproven if way in HALF else ()) for way in WAYS if way not in left_out]


def on_gpu(tiny_sd: Path) -> StableDiffusion:
    return fresh_models(tiny_sd).to("cuda")


def is_replaying(trainer: Trainer) -> bool:
    """Whether its last pass came from a graph."""
    replayed = trainer._gradients._replayed
    return replayed is not None and replayed.is_replaying


@pytest.mark.parametrize("way", ways())
def test_continuing_from_a_state_is_bit_identical(tiny_sd: Path, way: str, tmp_path: Path) -> None:
    """The text encoder freezes after step 3; the state goes through a file, as between two branches."""
    train = settings(**WAYS[way])
    alone = make_trainer(on_gpu(tiny_sd), train, 3)
    alone.train_until(5)
    first = make_trainer(on_gpu(tiny_sd), train, 3)
    first.train_until(2)
    write_tree(tmp_path, first.state_to_write())
    second = make_trainer(on_gpu(tiny_sd), train, 3)
    second.load_state(read_tree(tmp_path))  # type: ignore[arg-type]
    second.train_until(5)
    assert differing(second.state(), alone.state()) == []


@pytest.mark.parametrize("kernel", [SDPBackend.MATH, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.FLASH_ATTENTION])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_pass_gives_the_same_gradients_twice(tiny_sd: Path, precision: str, kernel: SDPBackend) -> None:
    """Run as it is, without a graph."""
    if precision == "fp32" and kernel is SDPBackend.FLASH_ATTENTION:
        pytest.skip("flash attention is for half precision")
    models = on_gpu(tiny_sd)
    gradients = make_trainer(models, settings(precision=precision, cuda_graphs=False))._gradients
    parameters = [*models.unet.named_parameters(), *models.text_encoder.named_parameters()]

    def found() -> dict[str, torch.Tensor]:
        with same_bits(True), sdpa_kernel(kernel):
            gradients.of_step(1, [parameter for _, parameter in parameters])
        return {name: parameter.grad.cpu() for name, parameter in parameters if parameter.grad is not None}

    assert differing(found(), found()) == []


@pytest.mark.parametrize(("way", "furthest"), [("fp32", 0.02), ("bf16", 0.2), ("fp16", 0.1), ("channels last", 0.2)])
def test_the_weights_are_the_cpu_s_up_to_rounding(tiny_sd: Path, way: str, furthest: float) -> None:
    start, cpu, gpu = fresh_models(tiny_sd), fresh_models(tiny_sd), on_gpu(tiny_sd)
    make_trainer(cpu, settings(), ALWAYS).train_until(3)
    log = make_trainer(gpu, settings(**WAYS[way]), ALWAYS).train_until(3)
    gpu.to("cpu")
    assert 0.0 < distance(gpu.unet, cpu.unet, start.unet) < furthest
    assert 0 < log.memory_bytes < 2**30


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_unet_held_in_half_precision_gives_the_gradients_of_a_whole_one(
    tiny_sd: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    """By attention's plain kernel, to the bit."""

    def found() -> dict[str, torch.Tensor]:
        train = settings(lora_rank=2, lora_targets="convolution", precision=precision, cuda_graphs=False)
        trainer = make_trainer(on_gpu(tiny_sd), train)
        with same_bits(True), sdpa_kernel(SDPBackend.MATH):
            trainer._gradients.of_step(0, trainer._parameters)
        return {trainer._names[each]: each.grad.cpu() for each in trainer._parameters if each.grad is not None}

    held = found()
    monkeypatch.setattr(trainer_module, "hold_in_half", lambda *_: None)
    assert differing(held, found()) == []
    assert len(held) > 0


def test_torch_s_compiler_trains_the_same_weights(tiny_sd: Path) -> None:
    start, plain, compiled = fresh_models(tiny_sd), on_gpu(tiny_sd), on_gpu(tiny_sd)
    make_trainer(plain, settings()).train_until(4)
    trainer, seen = make_trainer(compiled, settings(compile=True)), []
    trainer.train_until(4, lambda step: seen.append(is_replaying(trainer)))
    assert seen == [False, False, True, True]
    plain.to("cpu")
    compiled.to("cpu")
    assert distance(compiled.unet, plain.unet, start.unet) < 0.02


def test_xformers_trains_the_same_weights(tiny_sd: Path) -> None:
    pytest.importorskip("xformers")
    check_xformers(on_gpu=True)
    start, plain, other = fresh_models(tiny_sd), on_gpu(tiny_sd), on_gpu(tiny_sd)
    make_trainer(plain, settings(precision="bf16"), 2).train_until(3)
    make_trainer(other, settings(precision="bf16", attention="xformers"), 2).train_until(3)
    plain.to("cpu")
    other.to("cpu")
    assert distance(other.unet, plain.unet, start.unet) < 0.2


@pytest.mark.parametrize("way", ways("accumulated"))
def test_replayed_passes_give_the_same_weights(tiny_sd: Path, way: str) -> None:
    """The text encoder freezes after step 5: two graphs, one with and one without it."""
    plain = make_trainer(on_gpu(tiny_sd), settings(**WAYS[way], cuda_graphs=False), 5)
    plain.train_until(10)
    replaying = make_trainer(on_gpu(tiny_sd), settings(**WAYS[way]), 5)
    seen: list[bool] = []
    replaying.train_until(10, lambda step: seen.append(is_replaying(replaying)))
    assert seen == [False, False, True, True, True] * 2
    assert not is_replaying(replaying)  # what follows needs the memory
    assert differing(replaying.state(), plain.state()) == []


def test_replayed_passes_add_up_to_the_same_gradients(tiny_sd: Path) -> None:
    """Two full passes a step and a single one where an epoch ends; the text encoder's last layer has no gradient."""
    train = {"gradient_accumulation": 2}
    plain = make_trainer(on_gpu(tiny_sd), settings(**train, cuda_graphs=False), 5, clip_skip=2)
    plain.train_until(8)
    replaying = make_trainer(on_gpu(tiny_sd), settings(**train), 5, clip_skip=2)
    seen: list[bool] = []
    replaying.train_until(8, lambda step: seen.append(is_replaying(replaying)))
    assert any(seen)
    assert differing(replaying.state(), plain.state()) == []


def test_passes_with_prompts_of_two_lengths_are_replayed(tiny_sd: Path) -> None:
    trainer = make_trainer(on_gpu(tiny_sd), settings(), caption=LONG)
    seen: list[bool] = []
    trainer.train_until(4, lambda step: seen.append(is_replaying(trainer)))
    assert seen == [False, False, True, True]


def test_a_pass_that_cannot_be_captured_leaves_nothing_behind() -> None:
    """Streams, random numbers and memory are as before; what can be captured still is."""
    weights = nn.Parameter(torch.ones(8, device="cuda"))
    given = Pass({"x": torch.ones(8, device="cuda")}, ())

    def capturable(given: Pass) -> torch.Tensor:
        loss = (functional.dropout(weights * given.tensors["x"]) ** 2).sum()
        torch.autograd.backward(loss)
        return loss.detach()

    def waits(given: Pass) -> torch.Tensor:
        loss = capturable(given)
        loss.item()
        return loss

    def trained(passes: Replayed) -> list[float]:
        found = []
        for step in range(4):
            weights.grad = None
            torch.manual_seed(step)
            found.append(float(passes(given, [weights])) + float(weights.grad.sum()))  # type: ignore[attr-defined]
        return found

    with pytest.warns(RuntimeWarning, match="goes on without CUDA graphs"):
        found = trained(Replayed(waits))
    assert torch.cuda.current_stream() == torch.cuda.default_stream()
    torch.cuda.empty_cache()
    passes = Replayed(capturable)
    assert found == trained(passes)
    assert passes.is_replaying
