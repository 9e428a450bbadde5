"""A run's checkpoints leave it as models that other programs load."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from dbsweep import cli
from dbsweep.errors import RunError
from dbsweep.execution.folder import RunFolder
from dbsweep.models.adapters import AdapterShape, add_adapters, is_adapter, weight_tensors
from dbsweep.models.checkpoints import CheckpointManifest, write_checkpoint
from dbsweep.models.loading import load_base
from dbsweep.models.precision import Precision
from dbsweep.records.names import Metric
from dbsweep.records.record import Scalar
from dbsweep.records.results import Checkpoint
from dbsweep.reports.kept import chosen
from dbsweep.sweep.answers import find_checkpoint, read_run
from dbsweep.sweep.exporting import Format, export_checkpoint
from tests.sweep.trained import TRAINED_BY, paper_run, write_weights


def curve(settings: Mapping[str, Scalar], step: int) -> dict[Metric, float]:
    """More like the subject with every step, and nothing else is lost."""
    identity = min(0.9, 0.015 * step * (1 + 100 * float(settings["learning_rate"])))
    return {**dict.fromkeys(Metric, 1.0), Metric.IDENTITY: identity}


@pytest.fixture(scope="module")
def run(tiny_sd: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run on paper whose chosen checkpoint, and the last one of its ledger, have weights."""
    root = tmp_path_factory.mktemp("exporting")
    folder = paper_run(root, tiny_sd, "clip_skip=2", "train.min_snr_gamma=5", scores=curve)
    last = list(read_run(folder).checkpoints.values())[-1]
    write_weights(folder, {best(folder), last}, tiny_sd, Precision.FP16)
    return folder


def best(folder: RunFolder) -> Checkpoint:
    record = read_run(folder)
    return record.checkpoints[chosen(record).best.checkpoint]


@pytest.fixture
def export(run: RunFolder, capsys, monkeypatch, tmp_path_factory):
    """(exit code, stdout, stderr) of `dbsweep export RUN…`."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))

    def call(suffix: str, *words: str | Path) -> tuple[object, str, str]:
        monkeypatch.setattr("sys.argv", ["dbsweep", "export", f"{run.path}{suffix}", *map(str, words)])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        out, err = capsys.readouterr()
        return exit_.value.code, out, err

    return call


def test_the_best_checkpoint_becomes_a_single_file_that_diffusers_loads(export, run, tiny_sd, tmp_path):
    code, out, err = export("", "--out", tmp_path / "model")
    path = tmp_path / "model.safetensors"
    assert code == 0
    assert out == f"Model hash: {hashlib.sha256(path.read_bytes()).hexdigest()[:10]}\n"
    assert f"Model written to {path}" in err
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        assert file.get_tensor("model.diffusion_model.out.2.weight").dtype == torch.float16  # as it was kept
    assert metadata["dbsweep.checkpoint"] == f"demo@{best(run).id}"
    assert metadata["modelspec.title"] == f"demo {best(run).id}"
    assert metadata["modelspec.trigger_phrase"] == "ohwx"
    assert metadata["modelspec.encoder_layer"] == "2"
    settings = json.loads(metadata["dbsweep.settings"])
    assert (settings["text_encoder_ratio"], settings["resolution"], settings["min_snr_gamma"]) == (0.5, 64, 5.0)
    assert "optimizer" not in settings  # the default is nothing to tell
    pipeline = StableDiffusionPipeline.from_single_file(str(path), config=str(tiny_sd), local_files_only=True)
    trained = load_base(str(tiny_sd)).unet.conv_in.bias.detach() + TRAINED_BY
    assert torch.allclose(pipeline.unet.conv_in.bias, trained, atol=1e-3)


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_precision_is_chosen(export, tmp_path, precision, dtype):
    assert export("@best", "--out", tmp_path / "m.safetensors", "--precision", precision)[0] == 0
    with safe_open(tmp_path / "m.safetensors", "pt") as file:
        assert file.get_tensor("model.diffusion_model.out.2.weight").dtype == dtype


def test_any_checkpoint_becomes_a_folder(export, run, tmp_path):
    last = list(read_run(run).checkpoints)[-1]
    code, out, _ = export(f"@{last}", "--format", "diffusers", "--out", tmp_path / "folder", "--precision", "fp32")
    assert (code, out) == (0, "")
    assert load_base(str(tmp_path / "folder")).unet.conv_in.bias.shape == (16,)


def test_the_same_export_twice_has_the_same_hash(export, run, tmp_path):
    first = export("", "--out", tmp_path / "a")[1]
    os.utime(run.path / best(run).path / "manifest.json", (0, 0))  # as a copied run, or one whose states were dropped
    assert export("", "--out", tmp_path / "b")[1] == first


def test_the_lora_of_a_checkpoint_becomes_a_file_of_kohyas_kind(export, run, tiny_sd, tmp_path):
    checkpoint = list(read_run(run).checkpoints.values())[1]
    models, shape = load_base(str(tiny_sd)), AdapterShape(rank=2, alpha=4.0)
    add_adapters({"unet": models.unet}, shape)
    with torch.no_grad():
        for value in weight_tensors({"unet": models.unet}, is_adapter).values():
            value.fill_(0.5)
    manifest = CheckpointManifest(id=checkpoint.id, step=1, epoch=1, base_sha256=models.sha256, lora=shape)
    path = run.path / checkpoint.path
    write_checkpoint(path, unet=models.unet, text_encoder=None, state=None, manifest=manifest)
    code, out, _ = export(f"@{checkpoint.id}", "--format", "lora", "--out", tmp_path / "mine")
    file = tmp_path / "mine.safetensors"
    with safe_open(file, "pt") as content:
        assert (code, out) == (0, f"Model hash: {content.metadata()['sshs_model_hash'][:12]}\n")
    tensors = load_file(file)
    stem = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    assert tensors[f"{stem}.alpha"] == 4.0
    assert tensors[f"{stem}.lora_down.weight"].unique().tolist() == [0.5]
    assert not [name for name in tensors if name.startswith("lora_te")]


@pytest.fixture
def lora(run: RunFolder, tiny_sd: Path) -> str:
    """``@CHECKPOINT`` of a LoRA, the last one of the run's second branch."""
    checkpoint = [each for each in read_run(run).checkpoints.values() if each.branch == "b02"][-1]
    models, shape = load_base(str(tiny_sd)), AdapterShape(rank=2, alpha=4.0)
    add_adapters({"unet": models.unet}, shape)
    manifest = CheckpointManifest(
        id=checkpoint.id, step=checkpoint.step, epoch=checkpoint.epoch, base_sha256=models.sha256, lora=shape
    )
    path = run.path / checkpoint.path
    write_checkpoint(path, unet=models.unet, text_encoder=None, state=None, manifest=manifest)
    return f"@{checkpoint.id}"


def metadata_of(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return dict(file.metadata())


def test_a_lora_of_kohyas_kind_tells_its_training_without_paths(export, run, lora, tiny_sd, tmp_path):
    assert export(lora, "--format", "lora", "--out", tmp_path / "mine")[0] == 0
    metadata, record = metadata_of(tmp_path / "mine.safetensors"), read_run(run)
    checkpoint = record.checkpoints[lora[1:]]
    expected = {
        "ss_training_started_at": str(record.started),
        "ss_steps": str(checkpoint.step),
        "ss_max_train_steps": str(record.branch_of(checkpoint).end_step),
        "ss_epoch": str(checkpoint.epoch),
        "ss_learning_rate": str(record.branch_of(checkpoint).settings["learning_rate"]),
        "ss_resolution": "(64, 64)",
        "ss_min_snr_gamma": "5.0",
        "ss_clip_skip": "2",
        "ss_num_train_images": "3",
        "ss_num_reg_images": "3",
        "ss_dataset_dirs": '{"1_ohwx man": {"n_repeats": 1, "img_count": 3}}',
        "ss_tag_frequency": '{"1_ohwx man": {"photo of ohwx man": 3}}',
        "ss_sd_model_name": tiny_sd.name,
        "ss_output_name": "mine",
    }
    assert {key: metadata[key] for key in expected} == expected
    assert not [value for value in metadata.values() if str(run.path.parent.parent) in value or "/tmp" in value]


def test_a_lora_may_keep_the_captions_to_itself(export, lora, tmp_path):
    assert export(lora, "--format", "lora", "--no-captions", "--out", tmp_path / "mine")[0] == 0
    metadata = metadata_of(tmp_path / "mine.safetensors")
    assert metadata["ss_num_train_images"] == "3"
    assert "photo of ohwx man" not in "".join(metadata.values())


def test_a_lora_tells_nothing_of_photos_that_are_not_those_it_was_trained_on(export, run, lora, tmp_path):
    photo = run.path.parent.parent / "photos" / "0.png"
    kept = photo.read_bytes()
    try:
        shutil.copy(photo.with_name("1.png"), photo)
        code, _, err = export(lora, "--format", "lora", "--out", tmp_path / "mine")
    finally:
        photo.write_bytes(kept)
    metadata = metadata_of(tmp_path / "mine.safetensors")
    assert code == 0
    assert "The photos are not what and where they were: the file does not tell how many" in err
    assert "ss_steps" in metadata
    assert not {"ss_tag_frequency", "ss_num_train_images"} & set(metadata)


def test_what_was_saved_on_cancel_can_be_exported(export, run, tiny_sd, tmp_path):
    """As a worker that is stopped between two checkpoints leaves it."""
    models = load_base(str(tiny_sd))
    with torch.no_grad():
        models.unet.conv_in.bias.add_(2 * TRAINED_BY)
    manifest = CheckpointManifest(id="b01-000005", step=5, epoch=1, base_sha256=models.sha256)
    write_checkpoint(
        run.interrupted("b01"),
        unet=models.unet,
        text_encoder=None,
        state={"x": torch.zeros(1)},
        manifest=manifest,
    )
    try:
        assert export("@b01-000005", "--format", "diffusers", "--out", tmp_path / "m")[0] == 0
        assert torch.equal(load_base(str(tmp_path / "m")).unet.conv_in.bias, models.unet.conv_in.bias)
        assert "b01-000005" in export("@b09-000001", "--out", tmp_path / "n")[2]
        with pytest.raises(RunError, match="has no checkpoint 'b01-000005'"):  # no run goes on from what will go
            find_checkpoint(f"{run.path}@b01-000005", Path("runs"))
    finally:
        shutil.rmtree(run.interrupted("b01"))


def test_the_lora_of_a_checkpoint_becomes_one_for_diffusers(export, run, tiny_sd, tmp_path):
    checkpoint = list(read_run(run).checkpoints.values())[2]
    models, shape = load_base(str(tiny_sd)), AdapterShape(rank=2, alpha=4.0, dora=True)
    add_adapters({"unet": models.unet}, shape)
    manifest = CheckpointManifest(id=checkpoint.id, step=1, epoch=1, base_sha256=models.sha256, lora=shape)
    write_checkpoint(run.path / checkpoint.path, unet=models.unet, text_encoder=None, state=None, manifest=manifest)
    assert export(f"@{checkpoint.id}", "--format", "peft", "--out", tmp_path / "mine")[0] == 0
    stem = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    assert load_file(tmp_path / "mine.safetensors")[f"{stem}.lora_magnitude_vector.weight"].shape == (16,)
    code, _, err = export(f"@{checkpoint.id}", "--format", "lora", "--out", tmp_path / "other")
    assert code == 2
    assert "export it as peft for diffusers" in " ".join(err.split())
    assert "Loading" not in err


@pytest.mark.parametrize("form", ["lora", "peft"])
def test_whole_networks_have_no_lora_to_export(export, tmp_path, form):
    """The base model, which may be of gigabytes, was read before that was told."""
    code, _, err = export("", "--format", form, "--out", tmp_path / "mine")
    assert code == 2
    assert "Loading" not in err
    assert "holds whole networks and no LoRA (train.lora_rank trains one); export another format" in " ".join(
        err.split()
    )


@pytest.mark.parametrize("form", ["lora", "peft", "single-file"])
def test_a_lora_without_layers_is_not_exported(export, run, lora, tmp_path, form):
    checkpoint = read_run(run).checkpoints[lora[1:]]
    save_file({}, run.path / checkpoint.path / "lora.safetensors")
    code, out, err = export(lora, "--format", form, "--out", tmp_path / "mine")
    assert (code, out) == (2, "")
    assert "lora.safetensors has no weights and is not the LoRA that was trained; take another" in " ".join(err.split())
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(export, tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine").touch()
    for words in (("--out", path), ("--format", "diffusers", "--out", tmp_path / "folder")):
        code, out, err = export("", *words)
        assert (code, out) == (2, "")
        assert "exists already: nothing is overwritten, give a new path" in err
    assert path.read_text() == "mine"


def test_an_empty_folder_is_filled_even_through_a_link(export, run, tmp_path, monkeypatch):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    (tmp_path / "here").mkdir()
    assert export("", "--format", "diffusers", "--out", tmp_path / "link")[0] == 0
    monkeypatch.chdir(tmp_path / "here")
    assert export("", "--format", "diffusers", "--out", ".")[0] == 0
    assert (tmp_path / "link").is_symlink()
    assert load_base(str(tmp_path / "disk")).sha256 == load_base(str(tmp_path / "here")).sha256
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "here", "link"]


@pytest.mark.parametrize(
    ("out", "words", "message"),
    [
        (".", (), r"\. is a folder: give the name of a file in it"),
        ("..", ("--format", "lora"), r"\.\. is a folder: give"),
        ("notes/model", (), r"notes/model\.safetensors cannot be written \(.*File exists.*\): give another path"),
        ("notes/model", ("--format", "diffusers"), r"notes/model cannot be written \(.*File exists"),
        ("ohwx.ckpt", (), r"--out ohwx\.ckpt: models are written as \.safetensors, .*; call it ohwx\.safetensors"),
        ("ohwx.pt", ("--format", "lora"), r"; call it ohwx\.safetensors"),
        ("n" * 235, (), "cannot be written.*name too long"),
        ("n" * 300, (), "cannot be written.*name too long"),
    ],
)
def test_a_target_that_cannot_be_written_is_one_message(export, tmp_path, monkeypatch, out, words, message):
    (tmp_path / "notes").write_text("mine")
    monkeypatch.chdir(tmp_path)
    code, _, err = export("", "--out", out, *words)
    assert code == 2
    assert re.search(message, " ".join(err.split()))
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


@pytest.mark.parametrize(
    ("suffix", "words", "message"),
    [
        ("@b99-000001", (), "has no checkpoint 'b99-000001': give best or one of b01-"),
        ("-nowhere", (), "no run 'demo-nowhere' in "),
        ("", ("--format", "onnx"), "onnx"),
        ("", ("--precision", "fp8"), "fp8"),
        ("", ("--no-captions",), "--no-captions: is for --format lora, and files of single-file tell no captions"),
        ("", ("--no-captions", "--format", "peft"), "--no-captions: is for --format lora, and files of peft tell no"),
    ],
)
def test_wrong_input_is_one_message_and_exit_code_2(export, tmp_path, suffix, words, message):
    code, out, err = export(suffix, "--out", tmp_path / "m", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_whose_files_are_gone_is_said(export, run, tmp_path):
    on_paper = next(c for c in read_run(run).checkpoints.values() if not (run.path / c.path).exists())
    code, out, err = export(f"@{on_paper.id}", "--out", tmp_path / "m")
    assert (code, out) == (2, "")
    assert f"the files of checkpoint '{on_paper.id}' are gone or damaged" in err
    assert "put them back, or take another checkpoint" in err


def test_a_run_without_a_choice_still_has_checkpoints(run, monkeypatch):
    record = read_run(run).model_copy(update={"choice": None})
    monkeypatch.setattr("dbsweep.sweep.answers.read_run", lambda folder: record)
    last = list(record.checkpoints)[-1]
    assert find_checkpoint(f"{run.path}@{last}", Path("runs"))[2].id == last
    with pytest.raises(RunError, match="has no choice"):
        find_checkpoint(str(run.path), Path("runs"))


def test_best_exports_the_same_weights(run, export, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.argv", ["dbsweep", "best", str(run.path), "--export", str(tmp_path / "a")])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code == 0
    assert "Run demo: the best is b03-000024, not your subject yet" in capsys.readouterr().out
    assert export("", "--format", "diffusers", "--out", tmp_path / "b")[0] == 0
    assert load_base(str(tmp_path / "a")).sha256 == load_base(str(tmp_path / "b")).sha256


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EFBIG, r"m\S* cannot be written \(File too large\): give another path"),
        (errno.ENOSPC, r"no disk space left to write \S*m"),
    ],
)
@pytest.mark.parametrize("form", ["single-file", "diffusers"])
def test_a_disk_that_takes_no_more_is_one_message(export, tmp_path, monkeypatch, form, number, message):
    def refuse(*_, **__):
        raise SafetensorError(f"I/O error: {os.strerror(number)} (os error {number})")

    monkeypatch.setattr("dbsweep.models.safetensors_file.save_file", refuse)
    code, out, err = export("", "--out", tmp_path / "m", "--format", form)
    assert (code, out) == (2, "")
    assert re.search(message, " ".join(err.split()))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["single-file", "diffusers", "lora", "peft"])
@pytest.mark.parametrize("place", ["x", "self/x/m"])
def test_below_proc_nothing_can_be_written(export, lora, form, place):
    code, out, err = export(lora if form in ("lora", "peft") else "", "--out", f"/proc/{place}", "--format", form)
    assert (code, out) == (2, "")
    assert re.search(rf"/proc/{place}\S* cannot be written \(No such file or directory\): give", " ".join(err.split()))


@pytest.mark.parametrize("form", ["single-file", "diffusers"])
def test_a_path_that_cannot_be_written_is_said(run: RunFolder, tmp_path: Path, form: Format) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError, match=r"file/model\S* cannot be written \(.*\): give another path"):
        export_checkpoint(run.name, run.path.parent, tmp_path / "file" / "model", form=form, note=lambda _: None)
    assert (tmp_path / "file").read_text() == "mine"
