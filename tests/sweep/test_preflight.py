"""Tests of what is found before anything is written."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
from huggingface_hub import HfApi
from PIL import Image
from rich.console import Console
from safetensors.numpy import save_file

from dbsweep.config.loading import load_experiment
from dbsweep.config.schema import Experiment
from dbsweep.errors import InputError, ModelError, ResourceError
from dbsweep.execution.backend import Backend
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep import preflight
from dbsweep.sweep.planning import planned
from dbsweep.sweep.preflight import check_inputs, check_tracking
from dbsweep.sweep.running import run_experiment
from tests.sweep.files import write_experiment
from tests.tiny_models import write_pipeline


def no_backend(*_: object) -> Backend:
    raise AssertionError("the run has begun")


def begin(experiment: Experiment) -> None:
    """Runs the experiment, which must end before there is a back end."""
    run_experiment(experiment, no_backend, TerminalView(Console(file=io.StringIO())))


@pytest.mark.parametrize(("made", "message"), [(False, "does not exist"), (True, "no photos in")])
def test_own_class_images_are_looked_at_before_anything_is_written(tmp_path: Path, made: bool, message: str) -> None:
    experiment = load_experiment(write_experiment(tmp_path), ["concepts.0.class_images.folder=own"])
    if made:
        (tmp_path / "own").mkdir()
    with pytest.raises(InputError, match=rf"^class_images\.folder: .*{message}.* leave it out: the base model draws"):
        check_inputs(*planned(experiment))


def test_an_address_that_can_be_no_mlflow_store_is_found_before_anything_is_written(tmp_path: Path) -> None:
    changes = ["tracking.enabled=true", "tracking.uri=localhost:5000"]
    with pytest.raises(InputError, match=r"tracking\.uri must be an address that MLflow knows, got 'localhost:5000'"):
        begin(load_experiment(write_experiment(tmp_path), changes))
    assert not (tmp_path / "runs").exists()
    unused = load_experiment(tmp_path / "demo.yaml", ["tracking.enabled=false", changes[1]])
    check_tracking(unused)


def test_the_looking_at_images_is_shown_and_every_bad_one_is_named(tmp_path: Path) -> None:
    experiment = load_experiment(write_experiment(tmp_path), ["concepts.0.class_images.folder=own"])
    (tmp_path / "own").mkdir()
    for bad in (tmp_path / "own" / "man.png", tmp_path / "photos" / "bad.png"):
        bad.write_text("text", encoding="utf-8")
    out = io.StringIO()
    with pytest.raises(InputError, match=r"photos/bad\.png cannot .*own/man\.png cannot .*: replace or remove them"):
        check_inputs(*planned(experiment), TerminalView(Console(file=out)).watch)
    assert out.getvalue() == "looking at the photos (5) …\n"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"cond_stage_model.transformer.x": 1}, "a single file lacks its configuration and tokenizer"),
        ({"conditioner.embedders.1.x": 1}, "this is an SDXL model"),
    ],
)
def test_a_single_file_that_cannot_be_used_is_refused_before_anything_is_written(
    tmp_path: Path, names: dict[str, int], message: str
) -> None:
    model = tmp_path / "alone.safetensors"
    parts = {"model.diffusion_model.x": 1, "first_stage_model.x": 1}
    save_file({name: np.zeros(size) for name, size in (parts | names).items()}, model)
    experiment = load_experiment(write_experiment(tmp_path / "files", base=model))
    with pytest.raises(ModelError, match=message):
        begin(experiment)
    assert not experiment.output.exists()


def test_a_photo_that_is_text_is_named_before_anything_is_written(tmp_path: Path) -> None:
    file = write_experiment(tmp_path)
    (tmp_path / "photos" / "notes.png").write_text("not a picture")
    with pytest.raises(InputError, match=r"notes\.png"):
        begin(load_experiment(file))
    assert not (tmp_path / "runs").exists()


def test_a_photo_of_one_colour_is_named_before_anything_is_written(tmp_path: Path) -> None:
    file = write_experiment(tmp_path)
    Image.new("L", (64, 64), 128).save(tmp_path / "photos" / "grey.png")
    with pytest.raises(InputError, match=r"grey\.png shows nothing but one flat colour: replace or remove it"):
        begin(load_experiment(file))
    assert not (tmp_path / "runs").exists()


def test_a_base_model_that_is_not_to_be_had_is_missed_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HfApi, "model_info", Mock(side_effect=ConnectionError("no answer")))
    experiment = load_experiment(write_experiment(tmp_path, base="somebody/mispelt"), ["resources.gpus_per_trial=0"])
    with pytest.raises(ModelError, match=r"base model somebody/mispelt: .* not to be had"):
        begin(experiment)
    assert not experiment.output.exists()


def merging_into(folder: Path, into: str | Path) -> Experiment:
    file = write_experiment(folder)
    axis = f"{{axis: merge_ratio, into: {into}, values: [0.75]}}"
    file.write_text(f"{file.read_text()}grids: [{{prompt: a man, x: {axis}}}]\n")
    return load_experiment(file)


def test_a_model_to_merge_into_is_missed_before_anything_is_written(tmp_path: Path) -> None:
    experiment = merging_into(tmp_path, "custom.safetensors")
    missing = rf"base model {tmp_path}/custom\.safetensors: no such folder or file, and not a hub id"
    with pytest.raises(ModelError, match=missing):
        begin(experiment)
    assert not experiment.output.exists()
    check_inputs(*planned(merging_into(tmp_path / "itself", "minisd")))


@pytest.mark.parametrize("version", [1, 2])
def test_a_model_to_merge_into_is_of_the_base_model_s_family(tmp_path: Path, version: int) -> None:
    """Layers are compared when there is something to merge."""
    experiment = merging_into(tmp_path / "files", write_pipeline(tmp_path / "custom", version=version))
    if version == 1:
        check_inputs(*planned(experiment))
        return
    other = r"grids merge into \S+/custom, which is a Stable Diffusion 2, and base_model is a Stable Diffusion 1: only"
    with pytest.raises(ModelError, match=other):
        begin(experiment)
    assert not experiment.output.exists()


def test_a_model_to_merge_into_that_is_sdxl_is_not_even_planned(tmp_path: Path) -> None:
    custom = write_pipeline(tmp_path / "custom")
    (custom / "model_index.json").write_text('{"_class_name": "StableDiffusionXLPipeline"}')
    with pytest.raises(ModelError, match=r"custom: this is an SDXL model; only Stable Diffusion 1\.x and 2\.x"):
        planned(merging_into(tmp_path / "files", custom))


def test_an_encoder_that_is_none_is_named_before_anything_is_written(tmp_path: Path) -> None:
    file = write_experiment(tmp_path, encoder="ViT-L-14")
    with pytest.raises(ModelError, match=r"evaluate\.encoder: 'ViT-L-14' is neither a folder nor"):
        begin(load_experiment(file))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("evaluate.encoder", "ViT-L-14/openai"),
        ("evaluate.encoder", "hf-hub:somebody/mispelt"),
        ("evaluate.identity.encoder", "hf-hub:somebody/mispelt"),
        ("evaluate.identity.dinov2", "somebody/mispelt"),
    ],
)
def test_an_encoder_that_is_not_to_be_had_is_missed_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str, name: str
) -> None:
    monkeypatch.setattr(HfApi, "model_info", Mock(side_effect=ConnectionError("no answer")))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    experiment = load_experiment(write_experiment(tmp_path), [f"{field}={name}", "resources.gpus_per_trial=0"])
    with pytest.raises(ModelError, match=rf"{field} {name}.*: no such folder here, and not to be had.*no answer"):
        begin(experiment)
    assert not experiment.output.exists()


@pytest.mark.parametrize(("base", "has_one"), [("minisd", True), ("{sd}", False)])
def test_minisd_s_own_encoder_is_named_where_another_is_not_to_be_had(
    tmp_path: Path, tiny_sd: Path, monkeypatch: pytest.MonkeyPatch, base: str, has_one: bool
) -> None:
    monkeypatch.setattr(HfApi, "model_info", Mock(side_effect=ConnectionError("no answer")))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    changes = ["evaluate.encoder=ViT-L-14/openai", f"base_model={base.format(sd=tiny_sd)}"]
    with pytest.raises(ModelError, match=r"evaluate\.encoder ViT-L-14/openai") as refused:
        begin(load_experiment(write_experiment(tmp_path), changes))
    assert str(refused.value).endswith("; or take minisd, which is in this package") is has_one


@pytest.mark.parametrize(
    ("name", "repository"),
    [("ViT-L-14/openai", "timm--vit_large_patch14_clip_224.openai"), ("hf-hub:somebody/clip", "somebody--clip")],
)
def test_an_encoder_of_which_only_the_configuration_is_cached_is_missed_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, repository: str
) -> None:
    monkeypatch.setattr(HfApi, "model_info", Mock(side_effect=ConnectionError("no answer")))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    snapshot = tmp_path / "cache" / f"models--{repository}" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "open_clip_config.json").write_text('{"model_cfg": {}}')
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text("0" * 40)
    experiment = load_experiment(write_experiment(tmp_path), [f"evaluate.encoder={name}"])
    with pytest.raises(ModelError, match=rf"evaluate\.encoder {name}.*: the hub's cache here .* but not its weights"):
        begin(experiment)
    assert not experiment.output.exists()
    (snapshot / "open_clip_model.safetensors").touch()
    check_inputs(*planned(experiment))


@pytest.mark.parametrize(
    ("identity", "message"),
    [
        (
            {"face_detector": "yunet.onnx", "face_recognizer": "sface.onnx"},
            r"evaluate\.identity\.face_detector: there is no file",
        ),
        ({"encoder": "ViT-L-14"}, r"evaluate\.identity\.encoder: 'ViT-L-14' is neither a folder nor"),
    ],
)
def test_eyes_for_identity_that_are_not_there_are_missed_before_anything_is_written(
    tmp_path: Path, identity: dict[str, str], message: str
) -> None:
    sets = [f"evaluate.identity.{name}={value}" for name, value in identity.items()]
    experiment = load_experiment(write_experiment(tmp_path), sets)
    with pytest.raises(ModelError, match=message):
        begin(experiment)
    assert not (tmp_path / "runs").exists()


def test_what_a_full_disk_lacks_is_seen_in_the_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = 10 * 2**30 + preflight.RESERVE_BYTES - 2**20
    monkeypatch.setattr("dbsweep.sweep.preflight.shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    with pytest.raises(
        ResourceError, match=r"needs about 10\.250 GiB, a reserve included, and .* has 10\.249 GiB free"
    ):
        preflight.check_disk(tmp_path, 10 * 2**30)


def test_a_full_disk_is_found_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_experiment(tmp_path)
    monkeypatch.setattr(preflight, "RESERVE_BYTES", 2**62)
    with pytest.raises(ResourceError, match=r"needs about .* GiB free: free some"):
        begin(load_experiment(file))
    assert not (tmp_path / "runs").exists()
