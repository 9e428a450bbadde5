"""Checkpoints come back bit for bit, or do not count."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from dbsweep.errors import DiskError, ModelError
from dbsweep.models import checkpoints, durable, safetensors_file
from dbsweep.models.adapters import AdapterShape, add_adapters
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.checkpoints import CheckpointManifest, read_manifest, read_state, verify, write_checkpoint
from dbsweep.models.hashes import weights_sha256
from dbsweep.models.loading import load_base
from dbsweep.models.precision import Precision
from dbsweep.models.restoring import read_weights
from dbsweep.models.tensor_tree import State


@pytest.fixture
def models(tiny_sd: Path) -> StableDiffusion:
    """Changed by these tests, so loaded for each."""
    return load_base(str(tiny_sd))


def values(models: StableDiffusion) -> list[Tensor]:
    return [v.clone() for network in models.networks.values() for v in network.state_dict().values()]


def train(models: StableDiffusion, *, text_encoder: bool) -> None:
    """Any change of the weights will do."""
    with torch.no_grad():
        for parameter in models.unet.parameters():
            parameter.mul_(1.01).add_(1e-3)
        for parameter in models.text_encoder.parameters() if text_encoder else ():
            parameter.mul_(0.99)


def write(
    folder: Path,
    models: StableDiffusion,
    *,
    text_encoder: bool = True,
    precision: Precision = Precision.FP32,
    step: int = 12,
) -> CheckpointManifest:
    return write_checkpoint(
        folder,
        unet=models.unet,
        text_encoder=models.text_encoder if text_encoder else None,
        state={"step": step},
        manifest=CheckpointManifest(id="b01-000012", step=step, epoch=1, base_sha256=models.sha256),
        precision=precision,
    )


@pytest.mark.parametrize("text_encoder", [True, False])
def test_weights_come_back_bit_for_bit(
    models: StableDiffusion, tiny_sd: Path, tmp_path: Path, text_encoder: bool
) -> None:
    train(models, text_encoder=text_encoder)
    manifest = write(tmp_path / "c", models, text_encoder=text_encoder)
    fresh = load_base(str(tiny_sd))
    read_weights(tmp_path / "c", fresh)
    assert all(torch.equal(a, b) for a, b in zip(values(models), values(fresh), strict=True))
    trained = {"unet": fresh.unet} | ({"text_encoder": fresh.text_encoder} if text_encoder else {})
    assert manifest.sha256 == weights_sha256(trained)
    assert manifest == read_manifest(tmp_path / "c")
    assert verify(tmp_path / "c")


@pytest.mark.parametrize(("precision", "bits"), [(Precision.FP16, 11), (Precision.BF16, 8)])
def test_half_precision_halves_the_file_and_rounds(
    models: StableDiffusion, tmp_path: Path, precision: Precision, bits: int
) -> None:
    full, half = write(tmp_path / "full", models), write(tmp_path / "half", models, precision=precision)
    assert half.sha256 == full.sha256
    assert (full.precision, half.precision) == (Precision.FP32, precision)  # which exports keep
    sizes = [(tmp_path / name / "unet.safetensors").stat().st_size for name in ("full", "half")]
    assert 0.5 <= sizes[1] / sizes[0] < 0.6
    before = values(models)
    read_weights(tmp_path / "half", models)
    assert models.dtype == torch.float32
    for a, b in zip(before, values(models), strict=True):
        assert ((a - b).abs() <= a.abs() * 2.0**-bits + 1e-7).all()


def test_state_comes_back_with_its_types(models: StableDiffusion, tmp_path: Path) -> None:
    buffer = torch.arange(6.0)
    state: dict[str, State] = {
        "step": 7,
        "rate": 0.1 + 0.2,
        "is_warm": True,
        "name": None,
        "optimizer": {"state": {0: {"exp_avg": buffer[:3], "step": torch.tensor(3.0)}, 1: {"exp_avg": buffer}}},
        "groups": [{"lr": 1e-6, "betas": (0.9, 0.999), "params": [0, 1]}],
        "codes": torch.tensor([1, 255], dtype=torch.uint8),
        "half": torch.ones(2, dtype=torch.bfloat16),
    }
    manifest = CheckpointManifest(id="x", step=7, epoch=1, base_sha256=models.sha256)
    write_checkpoint(tmp_path / "c", unet=models.unet, text_encoder=None, state=state, manifest=manifest)
    back = read_state(tmp_path / "c")
    assert back["step"] == 7
    assert back["rate"] == 0.1 + 0.2
    assert back["is_warm"] is True
    assert back["name"] is None
    assert torch.equal(back["optimizer"]["state"][0]["exp_avg"], buffer[:3])
    assert back["optimizer"]["state"][0]["step"].shape == ()
    assert back["groups"] == [{"lr": 1e-6, "betas": [0.9, 0.999], "params": [0, 1]}]
    assert back["codes"].dtype == torch.uint8
    assert back["half"].dtype == torch.bfloat16


def test_what_cannot_be_kept_is_refused_before_anything_is_left(models: StableDiffusion, tmp_path: Path) -> None:
    manifest = CheckpointManifest(id="x", step=7, epoch=1, base_sha256=models.sha256)
    with pytest.raises(TypeError, match="state/f/0 is a object"):
        write_checkpoint(
            tmp_path / "c",
            unet=models.unet,
            text_encoder=None,
            state={"f": [object()]},  # type: ignore[list-item]
            manifest=manifest,
        )
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_without_state_says_so(models: StableDiffusion, tmp_path: Path) -> None:
    manifest = CheckpointManifest(id="x", step=7, epoch=1, base_sha256=models.sha256)
    write_checkpoint(tmp_path / "c", unet=models.unet, text_encoder=None, state=None, manifest=manifest)
    with pytest.raises(ModelError, match="keeps no training state"):
        read_state(tmp_path / "c")


def test_a_rewrite_replaces_the_whole_folder(models: StableDiffusion, tmp_path: Path) -> None:
    write(tmp_path / "c", models, step=12)
    write(tmp_path / "c", models, text_encoder=False, step=13)
    assert read_manifest(tmp_path / "c").step == 13
    assert read_state(tmp_path / "c") == {"step": 13}
    assert not (tmp_path / "c" / "text_encoder.safetensors").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


FILES = ["unet.safetensors", "text_encoder.safetensors", "state.safetensors", "state.json", "manifest.json"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("fault", ["missing", "truncated", "flipped"])
def test_a_damaged_checkpoint_does_not_verify(models: StableDiffusion, tmp_path: Path, name: str, fault: str) -> None:
    write(tmp_path / "c", models)
    path = tmp_path / "c" / name
    content = bytearray(path.read_bytes())
    if fault == "missing":
        path.unlink()
    elif fault == "truncated":
        path.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2 + 4] ^= 0x40
        path.write_bytes(content)
    # A flipped bit in the manifest may keep it readable; then the files or their names no longer agree with it.
    assert not verify(tmp_path / "c") or name == "manifest.json"
    assert name != "manifest.json" or fault == "flipped" or not verify(tmp_path / "c")


def test_an_unfinished_or_foreign_checkpoint_is_refused(models: StableDiffusion, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no readable manifest.json, so it was never finished"):
        read_weights(tmp_path, models)
    manifest = CheckpointManifest(id="x", step=7, epoch=1, base_sha256="f" * 64)
    write_checkpoint(tmp_path / "c", unet=models.unet, text_encoder=None, state=None, manifest=manifest)
    with pytest.raises(ModelError, match=r"trained from another base model \(sha256 ffffffffff\)"):
        read_weights(tmp_path / "c", models)


def test_damaged_weights_are_refused_in_one_line(models: StableDiffusion, tmp_path: Path) -> None:
    write(tmp_path / "c", models)
    path = tmp_path / "c" / "unet.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"cannot read unet.safetensors") as caught:
        read_weights(tmp_path / "c", models)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("tensors", "has"),
    [
        ({}, "no weights"),
        ({"lora_unet_mid_block.alpha": torch.ones(1)}, r"weights such as lora_unet_mid_block\.alpha"),
        ({"vae.lora_A.weight": torch.ones(1)}, r"weights such as vae\.lora_A\.weight"),
    ],
    ids=["empty", "kohya's", "of the VAE"],
)
def test_a_file_that_is_not_the_lora_does_not_pass_for_the_base_model(
    models: StableDiffusion, tmp_path: Path, tensors: dict[str, Tensor], has: str
) -> None:
    shape = AdapterShape(rank=1, alpha=1.0)
    add_adapters({"unet": models.unet}, shape)
    manifest = CheckpointManifest(id="b01-000012", step=12, epoch=1, base_sha256=models.sha256, lora=shape)
    write_checkpoint(tmp_path / "c", unet=models.unet, text_encoder=None, state=None, manifest=manifest)
    save_file(tensors, tmp_path / "c" / "lora.safetensors")
    wanted = rf"checkpoint .*c: lora\.safetensors has {has} and is not the LoRA that was trained; take another"
    with pytest.raises(ModelError, match=wanted):
        read_weights(tmp_path / "c", models)


def test_a_full_disk_leaves_the_older_checkpoint(
    models: StableDiffusion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "c", models, step=12)

    def fail(*_: object, **__: object) -> None:  # in the library's own words
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(safetensors_file, "save_file", fail)
    with pytest.raises(DiskError, match="no disk space left to write"):
        write(tmp_path / "c", models, step=13)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    assert read_manifest(tmp_path / "c").step == 12


@pytest.mark.parametrize(("precision", "width"), [(Precision.FP32, 4), (Precision.FP16, 2)])
def test_a_checkpoint_is_begun_only_where_it_and_the_reserve_find_room(
    models: StableDiffusion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: Precision, width: int
) -> None:
    weights = sum(v.numel() for v in models.unet.state_dict().values())
    needed = width * weights + 4 * 2**20  # and a state of 2^20 float32 values
    usage = shutil.disk_usage(tmp_path)

    def write_with(free: int) -> CheckpointManifest:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=free))
        return write_checkpoint(
            tmp_path / "c",
            unet=models.unet,
            text_encoder=None,
            state={"moments": torch.zeros(2**20)},
            manifest=CheckpointManifest(id="x", step=7, epoch=1, base_sha256=models.sha256),
            precision=precision,
        )

    with pytest.raises(DiskError, match=r"the next checkpoint needs \d+ MiB and 32 MiB beside it"):
        write_with(needed + 32 * 2**20 - 1)
    assert list(tmp_path.iterdir()) == []
    assert needed <= write_with(needed + 32 * 2**20).bytes < needed + 2**20  # names and shapes on top


def test_the_manifest_is_flushed_last(models: StableDiffusion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []
    original = durable.flush

    def record(path: Path) -> None:
        flushed.append(path.name)
        assert (path.name == "manifest.json") == (path.parent / "manifest.json").exists()
        original(path)

    monkeypatch.setattr(checkpoints, "flush", record)
    write(tmp_path / "c", models)
    assert sorted(flushed[:-1]) == sorted(set(FILES) - {"manifest.json"})
    assert flushed[-1] == "manifest.json"
