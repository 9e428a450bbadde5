"""What a weight file says of itself, by ModelSpec's keys and by those of A1111's merger."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import torch
from safetensors import safe_open

from dbsweep.models.export.metadata import LDM_CODE, MergePart, Origin, architecture, describe, describe_merge
from dbsweep.models.export.whole import save_single_file
from dbsweep.models.hashes import tensors_sha256
from dbsweep.models.loading import load_base

ORIGIN = Origin(
    title="ohwx b01-000120",
    date="2026-01-02T03:04:05+00:00",
    resolution=64,
    trigger_phrase="ohwx",
    base_sha256="ab" * 32,
    checkpoint="faces@b01-000120",
    settings={"learning_rate": 2e-6, "epochs": 10},
)


def test_the_header_says_what_the_file_is(narrow: Path, tmp_path: Path) -> None:
    models = load_base(str(narrow))
    path = tmp_path / "out.safetensors"
    save_single_file(models, path, metadata=describe(models, ORIGIN), dtype=torch.float16)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        dtypes = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
    is_v2 = models.prediction_type == "v_prediction"
    expected = {
        "format": "pt",
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": "stable-diffusion-v2-768-v" if is_v2 else "stable-diffusion-v1",
        "modelspec.prediction_type": "v" if is_v2 else "epsilon",
        "modelspec.title": "ohwx b01-000120",
        "modelspec.date": "2026-01-02T03:04:05+00:00",
        "modelspec.resolution": "64x64",
        "modelspec.trigger_phrase": "ohwx",
        "dbsweep.base_sha256": "ab" * 32,
        "dbsweep.checkpoint": "faces@b01-000120",
    }
    assert {key: metadata[key] for key in expected} == expected
    assert json.loads(metadata["dbsweep.settings"]) == ORIGIN.settings
    content = path.read_bytes()
    body = content[8 + int.from_bytes(content[:8], "little") :]
    assert metadata["modelspec.hash_sha256"] == f"0x{hashlib.sha256(body).hexdigest()}" == f"0x{tensors_sha256(path)}"
    integers = [name for name, dtype in dtypes.items() if dtype != "F16"]
    assert integers == ([] if is_v2 else ["cond_stage_model.transformer.text_model.embeddings.position_ids"])


def test_the_architecture_is_that_of_version_and_prediction(narrow: Path) -> None:
    models = load_base(str(narrow))
    is_v2 = models.prediction_type == "v_prediction"
    told = [
        architecture(dataclasses.replace(models, scheduler_config={"prediction_type": predicts}))
        for predicts in ("epsilon", "v_prediction")
    ]
    expected = ["stable-diffusion-v2-512", "stable-diffusion-v2-768-v"] if is_v2 else ["stable-diffusion-v1"] * 2
    assert told == expected


def test_what_is_not_known_has_no_key(tiny_sd: Path) -> None:
    """Programs show what is there: an empty trigger phrase would be one."""
    told = describe(load_base(str(tiny_sd)), Origin(title="ohwx", date="2026-01-02", resolution=512))
    absent = {
        "modelspec.trigger_phrase",
        "modelspec.encoder_layer",
        *(f"dbsweep.{k}" for k in ("checkpoint", "settings")),
    }
    assert not absent & told.keys()
    assert "" not in told.values()
    assert told["modelspec.resolution"] == "512x512"


def test_an_adapter_says_its_kind_and_whose_names_its_layers_have(tiny_sd: Path) -> None:
    models, origin = load_base(str(tiny_sd)), ORIGIN.model_copy(update={"clip_skip": 2})
    whole, adapter = describe(models, origin), describe(models, origin, suffix="/lora", implementation="diffusers")
    differing = {key for key in whole if whole[key] != adapter[key]}
    assert differing == {"modelspec.architecture", "modelspec.implementation"}
    assert adapter["modelspec.architecture"] == "stable-diffusion-v1/lora"
    assert (whole["modelspec.implementation"], adapter["modelspec.implementation"]) == (LDM_CODE, "diffusers")
    assert whole["modelspec.encoder_layer"] == "2"


def test_a_merge_names_its_parts_once_each_and_their_hashes() -> None:
    custom = MergePart(name="protogen.safetensors", sha256="aa", old="7460a6fa")
    base = MergePart(name="v1-5", sha256="cc")
    told = describe_merge(custom, base.model_copy(update={"sha256": "bb"}), base, 0.75)
    assert told["modelspec.merged_from"] == "protogen.safetensors, v1-5"
    assert json.loads(told["sd_merge_recipe"]) == {
        "type": "dbsweep",
        "interp_method": "Add difference",
        "multiplier": 0.75,
        "primary_model_hash": "aa",
        "secondary_model_hash": "bb",
        "tertiary_model_hash": "cc",
    }
    assert json.loads(told["sd_merge_models"]) == {
        "aa": {"name": "protogen.safetensors", "legacy_hash": "7460a6fa"},
        "bb": {"name": "v1-5", "legacy_hash": None},
        "cc": {"name": "v1-5", "legacy_hash": None},
    }
