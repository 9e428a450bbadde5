"""What LoRA files of kohya's kind say of their training has kohya's keys and forms."""

from __future__ import annotations

import hashlib
import json
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from dbsweep.config.optimization import OptimizerName
from dbsweep.config.train import Train
from dbsweep.models.export.kohya_metadata import Taught, model_metadata, photo_metadata, training_metadata


def told(**settings: object) -> dict[str, str]:
    train = Train.model_validate({"epochs": 10, **settings})
    return training_metadata(train, step=240, epoch=2, steps=1200, started=1767323045.5)


def test_values_are_written_as_python_prints_them() -> None:
    metadata = told(learning_rate=1e-5, text_encoder_learning_rate=5e-6, noise_offset=0.05, precision="bf16")
    expected = {
        "ss_training_started_at": "1767323045.5",
        "ss_epoch": "2",
        "ss_num_epochs": "10",
        "ss_steps": "240",
        "ss_max_train_steps": "1200",
        "ss_learning_rate": "1e-05",
        "ss_unet_lr": "1e-05",
        "ss_text_encoder_lr": "5e-06",
        "ss_lr_scheduler": "constant",
        "ss_optimizer": "torch.optim.adamw.AdamW(weight_decay=0.01)",
        "ss_resolution": "(512, 512)",
        "ss_mixed_precision": "bf16",
        "ss_noise_offset": "0.05",
        "ss_min_snr_gamma": "None",
        "ss_seed": "0",
        "ss_flip_aug": "False",
    }
    assert {key: metadata[key] for key in expected} == expected


def test_what_is_done_otherwise_there_is_left_out() -> None:
    """Dropout there lies between a LoRA's factors, here before the first."""
    assert "ss_network_dropout" not in told(lora_rank=4, lora_dropout=0.1)


def test_noise_of_several_sizes_and_a_debiased_loss_are_told() -> None:
    keys = ("ss_multires_noise_iterations", "ss_multires_noise_discount", "ss_debiased_estimation")
    assert [told()[key] for key in keys] == ["None", "0.3", "False"]
    used = told(multires_noise_iterations=6, multires_noise_discount=0.5, debiased_estimation_loss=True)
    assert [used[key] for key in keys] == ["6", "0.5", "True"]


def test_a_limit_of_norms_is_told_where_there_is_one() -> None:
    assert told(lora_rank=4)["ss_scale_weight_norms"] == "None"
    assert told(lora_rank=4, lora_max_norm=1)["ss_scale_weight_norms"] == "1.0"


def test_rates_are_those_that_were_trained_with() -> None:
    metadata = told(learning_rate=1e-4, scale_lr=True, batch_size=2, gradient_accumulation=3, text_encoder_ratio=0)
    assert (metadata["ss_unet_lr"], metadata["ss_text_encoder_lr"]) == (str(6 * 1e-4), "None")
    assert (metadata["ss_batch_size_per_device"], metadata["ss_total_batch_size"]) == ("2", "6")


@pytest.mark.parametrize("name", get_args(OptimizerName))
def test_optimizers_are_named_by_their_classes(name: str) -> None:
    rate = {"learning_rate": 1} if name == "prodigy" else {}
    module, _, kind = told(optimizer=name, **rate)["ss_optimizer"].partition("(")[0].rpartition(".")
    assert hasattr(import_module(module), kind)


def test_tags_are_counted_for_each_subject() -> None:
    man = Taught(
        words="ohwx man", prompts=("ohwx man, Hat, ", "ohwx man, hat,sea", "Ohwx man"), repeats=20, class_images=6
    )
    dog = Taught(words="zwx dog", prompts=("photo of zwx dog",), repeats=1, class_images=0)
    metadata = photo_metadata([man, dog], Train(batch_size=2))
    assert json.loads(metadata["ss_tag_frequency"]) == {
        "20_ohwx man": {"ohwx man": 3, "hat": 2, "sea": 1},
        "1_zwx dog": {"photo of zwx dog": 1},
    }
    assert json.loads(metadata["ss_dataset_dirs"]) == {
        "20_ohwx man": {"n_repeats": 20, "img_count": 3},
        "1_zwx dog": {"n_repeats": 1, "img_count": 1},
    }
    counts = [metadata[f"ss_num_{what}"] for what in ("train_images", "reg_images", "batches_per_epoch")]
    assert counts == ["61", "6", "31"]  # 20 × 3 + 1, of which two at a time


def test_a_base_model_is_told_by_both_of_a1111s_hashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    content = bytes(range(256)) * 5000
    (tmp_path / "v1-5.safetensors").write_bytes(content)
    assert model_metadata("sd_model", "v1-5.safetensors", tmp_path / "v1-5.safetensors") == {
        "ss_sd_model_name": "v1-5.safetensors",
        "ss_sd_model_hash": hashlib.sha256(content[0x100000:0x110000]).hexdigest()[:8],
        "ss_new_sd_model_hash": hashlib.sha256(content).hexdigest(),
    }
    assert model_metadata("vae", "owner/name", None) == {"ss_vae_name": "owner/name"}
