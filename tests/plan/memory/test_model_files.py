"""Sizes of base models that lie here, against the networks themselves."""

from __future__ import annotations

import json
import os
import shutil
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from dbsweep.minisd.paths import pipeline_path
from dbsweep.models.loading import load_base
from dbsweep.plan.memory.model_files import (
    BY_BYTES,
    LATER_OPEN_CLIP,
    NAME,
    OPEN_CLIP,
    SINGLE_FILE,
    UNKNOWN,
    size_of,
    size_on_disk,
)
from dbsweep.plan.memory.sizes import MINISD, SD1, SD2, ModelSize
from dbsweep.plan.rates import rates_for
from tests.plan.experiments import experiment
from tests.tiny_models import published_parts


def write_header(file: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """What comes before the weights of a safetensors file; the weights themselves would be gigabytes."""
    entries = {name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()}
    header = json.dumps({"__metadata__": {"format": "pt"}, **entries}).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(len(header).to_bytes(8, "little") + header)


def published_folder(version: int, folder: Path) -> Path:
    with torch.device("meta"):
        parts = published_parts(version)
    for name, part in parts.items():
        write_header(folder / name / "model.safetensors", {key: tuple(t.shape) for key, t in part.named_parameters()})
        config: Any = part.config
        (folder / name / "config.json").write_text(
            json.dumps(dict(config if name != "text_encoder" else config.to_dict()))
        )
    return folder


def same_model(found: ModelSize, known: ModelSize) -> None:
    for network in ("unet", "text_encoder", "vae"):
        assert getattr(found, network) == pytest.approx(getattr(known, network), rel=2e-3)
    assert (found.lora, found.dora) == (known.lora, known.dora)
    assert (found.unet_shape, found.text_shape) == (known.unet_shape, known.text_shape)
    assert found.vae_features == known.vae_features
    assert found.name == NAME


@pytest.mark.parametrize(("version", "known"), [(1, SD1), (2, SD2)])
def test_a_folder_of_the_published_models_is_measured(version: int, known: ModelSize, tmp_path: Path):
    folder = published_folder(version, tmp_path / "somebody's model")
    same_model(size_of(str(folder)), known)
    # A variant holds the same weights once more.
    weights = folder / "unet" / "model.safetensors"
    weights.with_name("model.fp16.safetensors").write_bytes(weights.read_bytes())
    same_model(size_of(str(folder)), known)


def test_minisd_by_path_is_as_large_as_by_name():
    path = str(pipeline_path())
    same_model(size_of(path), MINISD)
    by_name, by_path = rates_for(experiment()), rates_for(experiment(base_model=path))
    assert by_path.weight_bytes == pytest.approx(by_name.weight_bytes, rel=2e-3)
    assert by_path.seconds_per_step == by_name.seconds_per_step
    assert by_path.resolution == by_name.resolution


def test_a_folder_of_pickles_is_measured_as_one_of_safetensors(tiny_sd: Path, tmp_path: Path):
    """It was counted as large as Stable Diffusion 1."""
    folder = Path(shutil.copytree(tiny_sd, tmp_path / "pickles"))
    for file in list(folder.rglob("*.safetensors")):
        state = OrderedDict(load_file(file))
        state._metadata = OrderedDict({"": {"version": 1}})  # type: ignore[attr-defined]  # as of a network's own
        name = "pytorch_model.bin" if file.parent.name == "text_encoder" else f"{file.stem}.bin"
        torch.save(state, file.with_name(name))
        file.unlink()
    assert size_of(str(folder)) == size_of(str(tiny_sd))
    assert load_base(str(folder)).latent_factor == size_of(str(folder)).unet_shape.factor


TEXT_ENCODERS = [(SINGLE_FILE["text_encoder"], SD1), (OPEN_CLIP, SD2), (LATER_OPEN_CLIP, SD2)]


@pytest.mark.parametrize(("text", "like"), TEXT_ENCODERS)
@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}], ids=["zip", "older"])
def test_a_ckpt_is_no_larger_than_its_file(text: str, like: ModelSize, options: dict[str, bool], tmp_path: Path):
    """However small, it was counted as a whole Stable Diffusion, for whose checkpoints there was no room."""
    file = tmp_path / "model.ckpt"
    weights = {f"{SINGLE_FILE['unet']}x.weight": torch.zeros(5, 7), f"{text}y.weight": torch.zeros(11)}
    torch.save({"state_dict": weights}, file, **options)
    found = size_of(str(file))
    assert 35 <= found.unet < file.stat().st_size
    assert 11 <= found.text_encoder < file.stat().st_size
    assert (found.vae, found.text_shape) == (like.vae, like.text_shape)
    rates = rates_for(experiment(base_model=str(file), checkpoints={"precision": "fp32"}))
    assert rates.weight_bytes <= 2 * file.stat().st_size  # of half precision there is room for twice as many
    assert rates.basis == (BY_BYTES if options else NAME)
    torch.save({f"{text}y.weight": torch.zeros(2)}, file, **options)
    assert size_of(str(file)).name == UNKNOWN, "it is no whole model"


@pytest.mark.parametrize(("text", "like"), TEXT_ENCODERS)
@pytest.mark.parametrize("vae", [True, False])
def test_an_older_ckpt_that_has_room_for_it_is_as_large_as_its_family(
    text: str, like: ModelSize, vae: bool, tmp_path: Path
):
    """An SD 2 was counted as an SD 1, whose text encoder has a third of its weights."""
    file = tmp_path / "model.ckpt"
    names = [SINGLE_FILE["unet"], text, *([SINGLE_FILE["vae"]] if vae else [])]
    torch.save({f"{name}x": torch.zeros(2) for name in names}, file, _use_new_zipfile_serialization=False)
    least = 2 * (like.unet + like.text_encoder + (like.vae if vae else 0))
    os.truncate(file, least)  # with a hole in the file, which takes no disk
    assert size_of(str(file)) == like
    os.truncate(file, least // 2)
    found = size_of(str(file))
    assert (found.unet, found.text_encoder) == (like.unet // 2, like.text_encoder // 2)
    assert found.vae == (like.vae // 2 if vae else like.vae)


@pytest.mark.parametrize(("text", "like"), TEXT_ENCODERS)
@pytest.mark.parametrize("vae", [True, False])
def test_a_single_file_is_counted(text: str, like: ModelSize, vae: bool, tmp_path: Path):
    file = tmp_path / "model.safetensors"
    shapes = {f"{SINGLE_FILE['unet']}x.weight": (5, 7), f"{text}y.weight": (11,), "model_ema.decay": (1000,)}
    write_header(file, shapes | ({f"{SINGLE_FILE['vae']}z.weight": (13,)} if vae else {}))
    found = size_of(str(file))
    assert (found.unet, found.text_encoder, found.vae) == (35, 11, 13 if vae else like.vae)
    assert (found.lora, found.text_shape, found.name) == (like.lora, like.text_shape, NAME)


def test_what_is_not_a_whole_model_is_not_measured(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "torn.safetensors").write_bytes((10_000).to_bytes(8, "little") + b"{")
    (tmp_path / "text.safetensors").write_bytes((4).to_bytes(8, "little") + b"text")
    (tmp_path / "short.safetensors").write_bytes(b"")
    (tmp_path / "old.ckpt").write_bytes(b"")
    write_header(tmp_path / "part.safetensors", {f"{SINGLE_FILE['unet']}x": (3,)})
    names = ("empty", "torn.safetensors", "text.safetensors", "short.safetensors", "old.ckpt", "part.safetensors", "no")
    for path in (tmp_path / name for name in names):
        assert size_on_disk(str(path)) is None
        assert size_of(str(path)).name == UNKNOWN


def test_hub_ids_are_known_by_name():
    assert size_of("stabilityai/stable-diffusion-2-1") == SD2
    assert size_of("stable-diffusion-v1-5/stable-diffusion-v1-5") == SD1
