"""Base models load from what people have, and bad ones are refused in one line."""

from __future__ import annotations

import json
import logging
import re
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel

from dbsweep.errors import ModelError
from dbsweep.models.adapters import AdapterShape, add_adapters, is_adapter, weight_tensors
from dbsweep.models.checkpoints import CheckpointManifest, write_checkpoint
from dbsweep.models.hashes import weights_sha256
from dbsweep.models.loading import load_base
from dbsweep.models.restoring import read_weights
from dbsweep.models.sources import BaseSource, check_source
from dbsweep.plan.memory.model_files import size_of


@pytest.fixture
def own_copy(tiny_sd: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_sd, tmp_path / "sd"))


def test_a_folder_loads_with_its_own_weights(tiny_sd: Path) -> None:
    models = load_base(str(tiny_sd))
    saved = load_file(tiny_sd / "unet" / "diffusion_pytorch_model.safetensors")
    assert all(torch.equal(value, saved[key]) for key, value in models.unet.state_dict().items())
    assert models.latent_shape(64) == (4, 8, 8)
    assert models.prediction_type == "epsilon"
    assert models.device == torch.device("cpu")
    assert not any(network.training for network in models.networks.values())


def test_half_precision_files_load_in_the_dtype_asked_for(own_copy: Path) -> None:
    for path in own_copy.rglob("*.safetensors"):
        save_file({key: value.half() for key, value in load_file(path).items()}, path, metadata={"format": "pt"})
    models = load_base(str(own_copy))
    assert models.dtype == torch.float32
    assert load_base(str(own_copy), dtype=torch.float16).dtype == torch.float16
    assert load_base(str(own_copy), dtype=torch.float16).sha256 == models.sha256


@pytest.mark.parametrize("variant", ["fp16", "bf16", "non_ema"])
def test_a_variant_of_a_repository_loads(own_copy: Path, variant: str) -> None:
    for path in list(own_copy.rglob("*.safetensors")):
        path.rename(path.with_name(f"{path.stem}.{variant}.safetensors"))
    assert load_base(str(own_copy)).latent_shape(64) == (4, 8, 8)


def test_pickles_and_parts_load_without_a_word(
    tiny_sd: Path,
    own_copy: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """diffusers calls pickles unsafe, which it reads as plain weights here, and draws a bar of the parts."""
    monkeypatch.setattr(logging.getLogger("diffusers"), "propagate", True)
    text = own_copy / "text_encoder" / "model.safetensors"
    torch.save(load_file(text), text.with_name("pytorch_model.bin"))
    vae = own_copy / "vae" / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(vae), vae.with_suffix(".bin"))
    for file in (text, vae):
        file.unlink()
    unet = UNet2DConditionModel.from_pretrained(own_copy / "unet")
    shutil.rmtree(own_copy / "unet")
    unet.save_pretrained(own_copy / "unet", max_shard_size="50KB")
    capfd.readouterr()
    assert load_base(str(own_copy)).sha256 == load_base(str(tiny_sd)).sha256
    assert caplog.messages == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("older", [False, True], ids=["as now", "as until 2024"])
def test_the_fp16_variant_in_parts_loads(tiny_sd: Path, own_copy: Path, older: bool) -> None:
    sha256 = load_base(str(own_copy)).sha256
    for cls, name in ((UNet2DConditionModel, "unet"), (AutoencoderKL, "vae"), (CLIPTextModel, "text_encoder")):
        network = cls.from_pretrained(own_copy / name)
        shutil.rmtree(own_copy / name)
        network.save_pretrained(own_copy / name, variant="fp16", max_shard_size="50KB")
        parts = list((own_copy / name).glob("*.fp16-*-of-*.safetensors"))
        assert len(parts) > 1
        if older:
            for part in parts:
                part.rename(part.with_name(_older(part.name)))
            [index] = (own_copy / name).glob("*.index.fp16.json")
            index.write_text(_older(index.read_text()))
    check_source(str(own_copy))
    assert load_base(str(own_copy)).sha256 == sha256
    assert size_of(str(own_copy)) == size_of(str(tiny_sd))


def _older(text: str) -> str:
    """``model.fp16-00001-of-00002.safetensors`` → ``model-00001-of-00002.fp16.safetensors``."""
    return re.sub(r"\.fp16(-\d+-of-\d+)", r"\1.fp16", text)


def test_the_hash_is_the_values(tiny_sd: Path, own_copy: Path) -> None:
    first, second = load_base(str(tiny_sd)), load_base(str(own_copy))
    assert first.sha256 == second.sha256
    path = own_copy / "text_encoder" / "model.safetensors"
    weights = load_file(path)
    weights[sorted(weights)[0]].view(-1)[0] += 1.0
    save_file(weights, path, metadata={"format": "pt"})
    changed = load_base(str(own_copy))
    assert changed.sha256 != first.sha256
    assert changed.text_encoder_sha256 != first.text_encoder_sha256


def test_a_checkpoint_as_a_base_model_has_the_hash_of_its_own_weights(tiny_sd: Path, tmp_path: Path) -> None:
    """By which what is trained from it is told from what was trained from the model below."""
    models = load_base(str(tiny_sd))
    below = models.sha256
    with torch.no_grad():
        models.unet.conv_in.weight.add_(1.0)
    manifest = CheckpointManifest(id="b01-000012", step=12, epoch=1, base_sha256=below, base=models.source)
    write_checkpoint(tmp_path / "c", unet=models.unet, text_encoder=None, state=None, manifest=manifest)
    loaded = load_base(str(tmp_path / "c"))
    assert loaded.sha256 == weights_sha256(models.networks) != below
    assert loaded.text_encoder_sha256 == models.text_encoder_sha256
    assert loaded.source == BaseSource(source=str(tmp_path / "c"))


def test_a_lora_as_a_base_model_reads_the_model_below_once(
    tiny_sd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second copy, of gigabytes, would be there at the same time."""
    models, shape = load_base(str(tiny_sd)), AdapterShape(rank=2, alpha=2.0)
    add_adapters({"unet": models.unet}, shape)
    with torch.no_grad():
        for value in weight_tensors({"unet": models.unet}, is_adapter).values():
            value.fill_(0.5)
    manifest = CheckpointManifest(
        id="b01-000012", step=12, epoch=1, base_sha256=models.sha256, base=models.source, lora=shape
    )
    write_checkpoint(tmp_path / "c", unet=models.unet, text_encoder=None, state=None, manifest=manifest)
    read_weights(tmp_path / "c", models)
    read: list[Path] = []
    monkeypatch.setattr("dbsweep.models.loading.check_folder", lambda folder, named: read.append(folder))
    assert load_base(str(tmp_path / "c")).sha256 == weights_sha256(models.networks) != models.sha256
    assert read == [tiny_sd]


def test_missing_paths_and_hub_ids_offline_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no such folder or file, and not a hub id"):
        load_base(str(tmp_path / "nowhere"))
    with pytest.raises(ModelError, match=r"base model nobody/nothing: no such folder here.*HF_HUB_OFFLINE"):
        load_base("nobody/nothing")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ModelError, match=r"notes.txt: not a model file; give"):
        load_base(str(tmp_path / "notes.txt"))


@pytest.mark.parametrize("part", ["unet/config.json", "unet", "tokenizer", "scheduler/scheduler_config.json"])
def test_a_folder_that_lacks_a_part_is_refused_by_its_name(own_copy: Path, part: str) -> None:
    path = own_copy / part
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(ModelError, match=f"lacks {part}"):
        load_base(str(own_copy))


@pytest.mark.parametrize("kept", [(), ("vocab.json",), ("merges.txt",)])
def test_a_tokenizer_without_its_words_is_refused(own_copy: Path, kept: tuple[str, ...]) -> None:
    """transformers makes one that reads every prompt as the same."""
    load_base(str(own_copy)).tokenizer.backend_tokenizer.model.save(str(own_copy / "tokenizer"))
    for name in {"tokenizer.json", "vocab.json", "merges.txt"} - set(kept):
        (own_copy / "tokenizer" / name).unlink()
    lacks = [f"tokenizer/{name}" for name in ("vocab.json", "merges.txt") if name not in kept]
    with pytest.raises(ModelError, match=f"it lacks {', '.join(lacks)}; give"):
        check_source(str(own_copy))


def test_a_scheduler_that_is_none_is_refused(own_copy: Path) -> None:
    (own_copy / "scheduler" / "scheduler_config.json").write_text("[]")
    with pytest.raises(ModelError, match=r"cannot read scheduler.*no JSON object"):
        load_base(str(own_copy))


@pytest.mark.parametrize(
    "name",
    [
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
    ],
)
@pytest.mark.parametrize("kept_bytes", [0, 100, 5000])
def test_truncated_weights_are_refused(own_copy: Path, name: str, kept_bytes: int) -> None:
    path = own_copy / name
    path.write_bytes(path.read_bytes()[:kept_bytes])
    with pytest.raises(
        ModelError, match=rf"base model file .*{name}: (truncated|\d+ bytes where its header says)"
    ) as caught:
        load_base(str(own_copy))
    assert "\n" not in str(caught.value)


def test_weights_that_a_file_lacks_are_not_filled_with_noise(own_copy: Path) -> None:
    for name in ("unet/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"):
        path = own_copy / name
        weights = load_file(path)
        dropped = sorted(weights)[0]
        save_file({key: value for key, value in weights.items() if key != dropped}, path, metadata={"format": "pt"})
        with pytest.raises(ModelError, match=f"lacks 1 weight, e.g. {dropped}"):
            load_base(str(own_copy))
        save_file(weights, path, metadata={"format": "pt"})


@pytest.mark.parametrize("part", ["unet", "text_encoder", "vae"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(own_copy: Path, tiny_sd: Path, part: str, value: float) -> None:
    (file,) = (own_copy / part).glob("*.safetensors")
    key, weight = next((key, weight) for key, weight in load_file(file).items() if weight.dim() > 1)
    weight[0, 0] = value
    _change(file, {key: weight})
    told = (
        rf"is damaged: NaN or infinity stands in place of numbers in 1 weight, such as {re.escape(key)}; get its files"
    )
    with pytest.raises(ModelError, match=rf"^base model {own_copy}: {part} {told} again$"):
        load_base(str(own_copy))
    if part == "vae":
        with pytest.raises(ModelError, match=rf"^VAE {file.parent} {told} again$"):
            load_base(BaseSource(source=str(tiny_sd), vae=str(file.parent)))


def _change(path: Path, changes: dict[str, torch.Tensor | None]) -> None:
    """Puts weights in the place of others, beside them, or takes them away."""
    weights = {**load_file(path), **changes}
    save_file({k: v for k, v in weights.items() if v is not None}, path, metadata={"format": "pt"})


UNET = "unet/diffusion_pytorch_model.safetensors"
VAE = "vae/diffusion_pytorch_model.safetensors"
TEXT = "text_encoder/model.safetensors"


@pytest.fixture
def libraries_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their warnings reach `caplog`."""
    for library in ("diffusers", "transformers"):
        monkeypatch.setattr(logging.getLogger(library), "propagate", True)


@pytest.mark.usefixtures("libraries_speak")
@pytest.mark.parametrize(
    ("name", "extra"),
    [(UNET, "step_counter"), (VAE, "loss.logvar"), (TEXT, "vision_model.x"), (TEXT, "encoder.layers.2.mlp.fc1.bias")],
)
def test_weights_of_other_networks_are_left_without_a_word(
    tiny_sd: Path, own_copy: Path, caplog: pytest.LogCaptureFixture, name: str, extra: str
) -> None:
    """A text encoder's layers that its configuration does not count are those that clip skip leaves out."""
    _change(own_copy / name, {extra: torch.zeros(3)})
    assert load_base(str(own_copy)).sha256 == load_base(str(tiny_sd)).sha256
    assert caplog.messages == []


@pytest.mark.usefixtures("libraries_speak")
@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        (UNET, {"conv_in.bias": None}, r"unet lacks 1 weight, e\.g\. conv_in\.bias$"),
        (TEXT, {"final_layer_norm.bias": None}, r"text_encoder lacks 1 weight, e\.g\. final_layer_norm\.bias$"),
        (UNET, {"conv_in.bias": torch.zeros(3)}, r"unet does not fit .*: conv_in\.bias is \(3,\) and not \(16,\);"),
        (
            TEXT,
            {"final_layer_norm.bias": torch.zeros(3)},
            r"text_encoder does not fit .*: final_layer_norm\.bias is \(3,\) and not \(32,\);",
        ),
        (
            UNET,
            {"mid_block.resnets.2.conv1.bias": torch.zeros(3)},
            r"unet does not fit its config\.json: that has no place for 1 weight, e\.g\. mid_block\.resnets\.2\.",
        ),
        (VAE, {"decoder.mid_block.resnets.2.conv1.bias": torch.zeros(3)}, r"vae does not fit .* no place for 1 weight"),
    ],
)
def test_weights_that_do_not_fit_are_named_in_one_line(
    own_copy: Path,
    caplog: pytest.LogCaptureFixture,
    name: str,
    changes: dict[str, torch.Tensor | None],
    message: str,
) -> None:
    """In place of a library's report and a network that is partly noise, or partly not what was trained."""
    _change(own_copy / name, changes)
    with pytest.raises(ModelError, match=message) as caught:
        load_base(str(own_copy))
    assert "\n" not in str(caught.value)
    assert caplog.messages == []


def test_sdxl_is_refused_by_name(own_copy: Path, tmp_path: Path) -> None:
    (own_copy / "text_encoder_2").mkdir()
    with pytest.raises(ModelError, match="this is an SDXL model"):
        load_base(str(own_copy))
    single = tmp_path / "xl.safetensors"
    save_file(
        {"conditioner.embedders.0.transformer.x": torch.zeros(1), "model.diffusion_model.x": torch.zeros(1)}, single
    )
    with pytest.raises(ModelError, match="this is an SDXL model"):
        load_base(str(single))


class Attack:
    """Leaves a file behind when unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(own_copy: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    single = tmp_path / "model.ckpt"
    torch.save({"state_dict": {}, "callbacks": Attack(mark)}, single)
    with pytest.raises(
        ModelError, match=r"refused, it is a pickle that holds code besides weights: it asks for getattr"
    ):
        load_base(str(single))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("unet/diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin"),
        ("text_encoder/model.safetensors", "pytorch_model.bin"),
    ],
)
def test_a_pickle_of_a_folder_that_runs_code_is_named_and_does_not_run(
    own_copy: Path, tmp_path: Path, old: str, new: str
) -> None:
    mark, path = tmp_path / "ran", own_copy / old
    path.unlink()
    torch.save({"weight": Attack(mark)}, path.with_name(new))
    part = path.parent.name
    with pytest.raises(
        ModelError, match=rf"{part} refused, it is a pickle that holds code besides weights: it asks for getattr; use"
    ) as caught:
        load_base(str(own_copy))
    assert "weights_only" not in str(caught.value)  # torch advises to switch it off
    assert not mark.exists()


def test_custom_pipeline_code_in_a_folder_is_never_imported(own_copy: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    (own_copy / "pipeline.py").write_text(f"open({str(mark)!r}, 'w')")
    index = json.loads((own_copy / "model_index.json").read_text())
    index["_class_name"] = ["pipeline", "Custom"]
    index["unet"] = ["pipeline", "Custom"]
    (own_copy / "model_index.json").write_text(json.dumps(index))
    load_base(str(own_copy))
    assert not mark.exists()


def test_a_single_file_that_is_no_whole_model_is_refused(tmp_path: Path) -> None:
    single = tmp_path / "lora.safetensors"
    save_file({"encoder.conv_in.weight": torch.zeros(1)}, single)
    with pytest.raises(ModelError, match="no UNet and no text encoder and no VAE"):
        load_base(str(single))
    single.write_bytes(b"\x10")
    with pytest.raises(ModelError, match="truncated or not a safetensors file"):
        load_base(str(single))
