"""What a run has taught goes into other models, by the command line."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from dbsweep import __version__
from dbsweep.execution.folder import RunFolder
from dbsweep.models.adapters import AdapterShape, add_adapters, is_adapter, weight_tensors
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.checkpoints import CheckpointManifest, write_checkpoint
from dbsweep.models.export.whole import save_pipeline, save_single_file
from dbsweep.models.hash_cache import file_hashes
from dbsweep.models.loading import load_base
from dbsweep.records.results import Checkpoint
from dbsweep.reports.kept import chosen
from dbsweep.sweep.answers import read_run
from tests.sweep import on_paper
from tests.tiny_models import write_pipeline

TAUGHT = 0.25
"""What the run's training has added to one bias of the UNet."""
LORA_LAYER = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"

Merge = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def run(tiny_sd: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run on paper; its chosen checkpoint has weights, and another is a LoRA."""
    folder = teach(tmp_path_factory.mktemp("merging"), tiny_sd)
    models, shape = load_base(str(tiny_sd)), AdapterShape(rank=2, alpha=4.0)
    add_adapters({"unet": models.unet}, shape)
    with torch.no_grad():
        for name, value in weight_tensors({"unet": models.unet}, is_adapter).items():
            value.fill_(0.5 if name.startswith(f"unet.{LORA_LAYER.removesuffix('weight')}lora_") else 0.0)
    keep(folder, lora(folder), models, shape)
    return folder


@pytest.fixture(scope="module")
def second(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Another subject, taught to what the first run has chosen."""
    words = ("instance_token=sks", "instance_prompt=photo of sks man", "sanity_prompts=[photo of sks man in ink]")
    base = run.path / best(run).path
    return teach(tmp_path_factory.mktemp("second"), base, *(f"concepts.0.{each}" for each in words), "name=second")


def teach(root: Path, base: Path, *overrides: str) -> RunFolder:
    """A run on paper whose chosen checkpoint has weights."""
    with pytest.MonkeyPatch.context() as patch:  # the forecast takes any folder for a full-size model
        patch.setattr("dbsweep.sweep.preflight.check_disk", lambda output, needed_bytes: None)
        _, folder, _ = on_paper.run(root, on_paper.curve, f"base_model={base}", *overrides)
    models = load_base(str(base))
    with torch.no_grad():
        models.unet.conv_in.bias.add_(TAUGHT)
    keep(folder, best(folder), models)
    return folder


def keep(folder: RunFolder, at: Checkpoint, models: StableDiffusion, shape: AdapterShape | None = None) -> None:
    manifest = CheckpointManifest(id=at.id, step=1, epoch=1, base_sha256=models.sha256, base=models.source, lora=shape)
    write_checkpoint(folder.path / at.path, unet=models.unet, text_encoder=None, state=None, manifest=manifest)


def best(folder: RunFolder) -> Checkpoint:
    record = read_run(folder)
    return record.checkpoints[chosen(record).best.checkpoint]


def lora(folder: RunFolder) -> Checkpoint:
    return next(each for each in read_run(folder).checkpoints.values() if each.id != best(folder).id)


@pytest.fixture(scope="module")
def custom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another model of the run's family: a single file in float32, and the folder with its configuration beside it."""
    folder = write_pipeline(tmp_path_factory.mktemp("custom") / "protogen", seed=7)
    save_single_file(load_base(str(folder)), folder.with_suffix(".safetensors"), metadata={})
    return folder.with_suffix(".safetensors")


@pytest.fixture
def merge(dbsweep: Merge, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Merge:
    """(exit code, stdout, stderr) of `dbsweep merge WORDS`."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    return lambda *words: dbsweep("merge", *words)


def metadata_of(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return dict(file.metadata())


def bias(path: Path) -> torch.Tensor:
    with safe_open(path, "pt") as file:
        value: torch.Tensor = file.get_tensor("model.diffusion_model.input_blocks.0.0.bias")
    return value.float()


def test_the_choice_of_a_run_goes_into_a_custom_model_that_diffusers_draws_with(merge, run, custom, tmp_path):
    code, out, err = merge(custom, run.path, "--out", tmp_path / "mix", "--multiplier", "0.5", "--precision", "fp32")
    path = tmp_path / "mix.safetensors"
    hashes = file_hashes(path)
    assert (code, out) == (0, f"{hashes.short}  {hashes.old}  {path}\n")
    assert f"Adding 0.5 times what demo@{best(run).id} has learned" in err
    assert [each.name for each in tmp_path.iterdir()] == ["mix.safetensors"]
    torch.testing.assert_close(bias(path), bias(custom) + 0.5 * TAUGHT)
    config = str(custom.with_suffix(""))
    pipeline = StableDiffusionPipeline.from_single_file(str(path), config=config, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    torch.testing.assert_close(pipeline.unet.conv_in.bias.detach(), bias(path))
    [image] = pipeline("photo of ohwx man", num_inference_steps=2, height=64, width=64).images
    assert image.size == (64, 64)


def test_by_nothing_the_custom_model_is_written_to_the_bit(merge, run, custom, tmp_path):
    words = ("--multiplier", "0", "--precision", "fp32", "--format", "diffusers")
    assert merge(custom, run.path, "--out", tmp_path / "same", *words)[:2] == (0, "")
    assert load_base(str(tmp_path / "same")).sha256 == load_base(str(custom)).sha256


def test_a_lora_is_worked_into_the_custom_model(merge, run, custom, tmp_path):
    name, out = f"{run.path}@{lora(run).id}", tmp_path / "folder"
    words = ("--multiplier", "1", "--precision", "fp32", "--format", "diffusers")
    assert merge(custom, name, "--out", out, *words)[0] == 0
    before, after = (load_base(str(path)).unet.state_dict() for path in (custom, out))
    changed = {key for key, value in after.items() if not torch.equal(value, before[key])}
    assert changed == {LORA_LAYER}
    # alpha / rank * up @ down, of rank 2: 4 / 2 * 2 * 0.5 * 0.5
    torch.testing.assert_close(after[LORA_LAYER], before[LORA_LAYER] + 4 / 2 * 2 * 0.5 * 0.5)


def test_each_of_several_multipliers_makes_a_file_that_the_others_do_not_change(merge, run, custom, tmp_path):
    several = ("--multiplier", "0.75", "--multiplier", "0.95", "--multiplier", "1")
    code, out, _ = merge(custom, run.path, "--out", tmp_path / "mix.safetensors", *several)
    names = ["mix-0.75.safetensors", "mix-0.95.safetensors", "mix-1.safetensors"]
    assert (code, sorted(path.name for path in tmp_path.iterdir())) == (0, names)
    assert [Path(line.split()[-1]).name for line in out.splitlines()] == names
    assert len({line.split()[0] for line in out.splitlines()}) == 3
    for name, multiplier in zip(names, (0.75, 0.95, 1), strict=True):
        wanted = (bias(custom) + multiplier * TAUGHT).half().float()
        assert torch.equal(bias(tmp_path / name), wanted)
    merge(custom, run.path, "--out", tmp_path / "alone", "--multiplier", "0.95")
    said = [metadata_of(tmp_path / name) for name in ("alone.safetensors", "mix-0.95.safetensors")]
    assert said[0] == said[1]  # the hash of all weights is in it


def test_the_file_says_what_it_is_a_merge_of(merge, run, custom, tiny_sd, tmp_path):
    assert merge(custom, run.path, "--out", tmp_path / "mix")[0] == 0
    said = metadata_of(tmp_path / "mix.safetensors")
    taught = f"demo@{best(run).id}"
    expected = {
        "modelspec.title": f"protogen.safetensors + 0.75 ({taught} - {tiny_sd.name})",
        "modelspec.architecture": "stable-diffusion-v1",
        "modelspec.trigger_phrase": "ohwx",
        "modelspec.merged_from": f"protogen.safetensors, {taught}, {tiny_sd.name}",
        "dbsweep.version": __version__,
        "dbsweep.checkpoint": taught,
    }
    assert {key: said[key] for key in expected} == expected
    recipe, models = json.loads(said["sd_merge_recipe"]), json.loads(said["sd_merge_models"])
    assert (recipe["interp_method"], recipe["multiplier"]) == ("Add difference", 0.75)
    file = file_hashes(custom)
    primary, base = models[recipe["primary_model_hash"]], load_base(str(tiny_sd)).sha256
    assert recipe["primary_model_hash"] == file.sha256
    assert primary == {"name": "protogen.safetensors", "legacy_hash": file.old}
    assert recipe["tertiary_model_hash"] == base
    assert models[base] == {"name": tiny_sd.name, "legacy_hash": None}
    assert models[recipe["secondary_model_hash"]]["name"] == taught
    assert not [value for value in said.values() if str(run.path.parent.parent) in value or "/tmp" in value]


def test_of_any_model_the_base_is_named(merge, custom, tiny_sd, tmp_path):
    models = load_base(str(tiny_sd))
    with torch.no_grad():
        models.unet.conv_in.bias.add_(TAUGHT)
        models.vae.quant_conv.bias.add_(1)
    save_pipeline(models, tmp_path / "theirs")
    words = ("--out", tmp_path / "mix", "--precision", "fp32")
    code, _, err = merge(custom, tmp_path / "theirs", *words)
    assert code == 2
    assert "theirs is no run in runs, so its base model is not known: give a run or RUN@CHECKPOINT" in one_line(err)
    code, _, err = merge(custom, tmp_path / "theirs", *words, "--base", tiny_sd)
    assert code == 0
    assert f"theirs has another VAE than {tiny_sd.name}: the difference is added to the VAE too" in one_line(err)
    torch.testing.assert_close(bias(tmp_path / "mix.safetensors"), bias(custom) + 0.75 * TAUGHT)


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_two_runs_make_one_model_of_both_subjects(merge, run, second, tmp_path):
    assert merge(run.path, f"{second.path}@best", "--out", tmp_path / "mix", "--precision", "fp32")[0] == 0
    taught = load_base(str(run.path / best(run).path)).unet.conv_in.bias.detach() + 0.75 * TAUGHT
    torch.testing.assert_close(bias(tmp_path / "mix.safetensors"), taught)
    assert metadata_of(tmp_path / "mix.safetensors")["modelspec.trigger_phrase"] == "ohwx, sks"


@pytest.mark.parametrize(("below", "times", "phrase"), [((), 1, "sks"), (("--base", "{sd}"), 2, "ohwx, sks")])
def test_the_base_tells_how_much_was_learned(merge, second, custom, tiny_sd, tmp_path, below, times, phrase):
    words = ("--out", tmp_path / "mix", "--precision", "fp32", *(word.format(sd=tiny_sd) for word in below))
    assert merge(custom, second.path, *words)[0] == 0
    torch.testing.assert_close(bias(tmp_path / "mix.safetensors"), bias(custom) + times * 0.75 * TAUGHT)
    assert metadata_of(tmp_path / "mix.safetensors")["modelspec.trigger_phrase"] == phrase


def test_nothing_is_overwritten_and_it_is_said_before_anything_is_read(merge, run, tmp_path):
    (tmp_path / "mix-0.95.safetensors").write_text("mine")
    words = ("--multiplier", "0.75", "--multiplier", "0.95")
    code, out, err = merge("owner/name", run.path, "--out", tmp_path / "mix", *words)
    assert (code, out) == (2, "")
    assert "mix-0.95.safetensors exists already: nothing is overwritten" in one_line(err)
    assert "Loading" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["mix-0.95.safetensors"]


@pytest.mark.parametrize("multipliers", [("0.75",), ("0.75", "0.95")])
def test_a_pickle_is_not_written(merge, run, tmp_path, multipliers):
    words = [word for each in multipliers for word in ("--multiplier", each)]
    code, _, err = merge("owner/name", run.path, "--out", tmp_path / "mix.ckpt", *words)
    assert code == 2
    assert "models are written as .safetensors" in one_line(err)


@pytest.mark.parametrize(
    ("custom_model", "suffix", "words", "message"),
    [
        ("nowhere", "", (), "base model nowhere: no such folder or file, and not a hub id"),
        ("nowhere@best", "", (), "no run 'nowhere' in "),
        ("{sd}", "-nowhere", (), "no run 'demo-nowhere' in "),
        ("{sd}", "@b99-000001", (), "has no checkpoint 'b99-000001': give best or one of "),
        ("{sd}", "", ("--multiplier", "nan"), "--multiplier must be a finite number, got nan"),
        ("{sd}", "", ("--base", "nowhere"), "base model nowhere: no such folder or file"),
        ("{sd2}", "", (), "sd2 is a Stable Diffusion 2 and demo@"),
        ("{inpainting}", "", (), "this is an inpainting model; only Stable Diffusion 1.x and 2.x that draw from text"),
        ("{broken}", "", (), "broken: unet is damaged: NaN or infinity stands in place of numbers in 1 weight"),
    ],
)
def test_wrong_input_is_one_message_and_leaves_nothing(
    merge, run, models, tmp_path, custom_model, suffix, words, message
):
    code, out, err = merge(custom_model.format(**models), f"{run.path}{suffix}", "--out", tmp_path / "mix", *words)
    assert (code, out) == (2, "")
    assert message in one_line(err)
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EFBIG, " cannot be written (File too large): give another path"),
        (errno.ENOSPC, "no disk space left to write"),
    ],
)
@pytest.mark.parametrize("file", ["base.safetensors", "difference.safetensors", "mix.safetensors"])
def test_a_disk_that_takes_no_more_is_one_message_and_leaves_nothing(
    merge, run, custom, tmp_path, monkeypatch, file, number, message
):
    """Of FAT, which takes 4 GiB of a file, or full; whichever of the files is the one."""

    def refuse(tensors, path, metadata=None, save=save_file):
        if file in path.name:
            raise SafetensorError(f"I/O error: {os.strerror(number)} (os error {number})")
        save(tensors, path, metadata=metadata)

    monkeypatch.setattr("dbsweep.models.safetensors_file.save_file", refuse)
    code, out, err = merge(custom, run.path, "--out", tmp_path / "mix")
    assert (code, out) == (2, "")
    assert message in one_line(err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["x", "self/x/mix"])
def test_a_path_that_cannot_be_written_is_said_before_a_model_is_loaded(merge, run, custom, place):
    code, out, err = merge(custom, run.path, "--out", Path("/proc", place))
    assert (code, out) == (2, "")
    assert f"/proc/{place} cannot be written (No such file or directory): give another path" in one_line(err)
    assert "Loading" not in err


@pytest.fixture(scope="module")
def models(tiny_sd: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Folders of models by name, most of them not to be merged with `tiny_sd`."""
    root = tmp_path_factory.mktemp("models")
    write_pipeline(root / "sd2", version=2)
    shutil.copytree(tiny_sd, root / "inpainting")
    config = root / "inpainting" / "unet" / "config.json"
    config.write_text(config.read_text().replace('"in_channels": 4', '"in_channels": 9'))
    broken = load_base(str(tiny_sd))
    with torch.no_grad():
        broken.unet.conv_in.bias[0] = float("nan")
    save_pipeline(broken, root / "broken")
    return {"sd": str(tiny_sd), **{path.name: str(path) for path in root.iterdir()}}
