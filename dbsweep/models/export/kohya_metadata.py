"""What a LoRA file of kohya's kind says of its training: web UIs, Civitai and LoRA managers show it.

Keys and formats are those of ``train_network.py`` in kohya's sd-scripts: all values are text as Python prints it, and
what has parts is JSON. What dbsweep does not do, or does otherwise, is left out.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from dbsweep.config.optimization import OptimizerName
from dbsweep.config.train import Train
from dbsweep.models.hash_cache import file_hashes
from dbsweep.plan.courses import text_encoder_epochs
from dbsweep.records.record import Record

_AS_SET: Mapping[str, str] = {
    "ss_seed": "seed",
    "ss_batch_size_per_device": "batch_size",
    "ss_gradient_accumulation_steps": "gradient_accumulation",
    "ss_gradient_checkpointing": "gradient_checkpointing",
    "ss_lr_scheduler": "lr_scheduler",
    "ss_lr_warmup_steps": "lr_warmup_steps",
    "ss_max_grad_norm": "max_grad_norm",
    "ss_prior_loss_weight": "prior_loss_weight",
    "ss_caption_dropout_rate": "caption_dropout",
    "ss_caption_tag_dropout_rate": "tag_dropout",
    "ss_shuffle_caption": "shuffle_tags",
    "ss_keep_tokens": "keep_tags",
    "ss_multires_noise_discount": "multires_noise_discount",
    "ss_debiased_estimation": "debiased_estimation_loss",
    "ss_enable_bucket": "aspect_ratio_buckets",
}
"""Settings that mean the same there."""

_IF_USED: Mapping[str, str] = {
    "ss_noise_offset": "noise_offset",
    "ss_multires_noise_iterations": "multires_noise_iterations",
    "ss_ip_noise_gamma": "input_perturbation",
    "ss_min_snr_gamma": "min_snr_gamma",
    "ss_scale_weight_norms": "lora_max_norm",
}
"""Settings that are 0 here and None there where they do nothing."""

_PRECISIONS = {"fp32": "no", "fp16": "fp16", "bf16": "bf16"}

_OPTIMIZERS: Mapping[OptimizerName, str] = {
    "adamw": "torch.optim.adamw.AdamW",
    "adamw_8bit": "bitsandbytes.optim.adamw.AdamW8bit",
    "paged_adamw_8bit": "bitsandbytes.optim.adamw.PagedAdamW8bit",
    "lion_8bit": "bitsandbytes.optim.lion.Lion8bit",
    "paged_lion_8bit": "bitsandbytes.optim.lion.PagedLion8bit",
    "adafactor": "transformers.optimization.Adafactor",
    "prodigy": "pytorch_optimizer.optimizer.prodigy.Prodigy",
}
"""Classes with their modules, as there."""


class Taught(Record):
    """One subject of a training.

    Attributes:
        words: what calls it up: "ohwx man".
        prompts: that its photos were trained with, one each.
        repeats: of each photo in an epoch.
        class_images: that it was trained with.
    """

    words: str
    prompts: tuple[str, ...]
    repeats: int
    class_images: int

    @property
    def folder(self) -> str:
        """What its photos' folder would be called there: programs read repeats and words from that name."""
        return f"{self.repeats}_{self.words}"


def training_metadata(train: Train, *, step: int, epoch: int, steps: int, started: float) -> dict[str, str]:
    """How the weights were trained.

    Args:
        step, epoch: that were over.
        steps: of the whole training that was planned.
        started: seconds since the epoch.
    """
    unet, text_encoder = train.peak_learning_rates
    values = {
        "ss_training_started_at": started,
        "ss_epoch": epoch,
        "ss_num_epochs": train.epochs,
        "ss_steps": step,
        "ss_max_train_steps": steps,
        "ss_learning_rate": unet,
        "ss_unet_lr": unet,
        "ss_text_encoder_lr": text_encoder if text_encoder_epochs(train) > 0 else None,
        "ss_optimizer": f"{_OPTIMIZERS[train.optimizer]}(weight_decay={train.weight_decay})",
        "ss_total_batch_size": train.batch_size * train.gradient_accumulation,
        "ss_mixed_precision": _PRECISIONS[train.precision],
        "ss_resolution": (train.resolution, train.resolution),
        "ss_flip_aug": train.random_flip,
        "ss_random_crop": train.random_crops > 1,
        "ss_cache_latents": True,
        **{key: getattr(train, name) for key, name in _AS_SET.items()},
        **{key: getattr(train, name) or None for key, name in _IF_USED.items()},
    }
    return {key: str(value) for key, value in values.items()}


def photo_metadata(taught: Sequence[Taught], train: Train) -> dict[str, str]:
    """What was taught: numbers of photos, and how often each part of their prompts between commas occurs."""
    photos = sum(each.repeats * len(each.prompts) for each in taught)
    folders = {each.folder: {"n_repeats": each.repeats, "img_count": len(each.prompts)} for each in taught}
    return {
        "ss_num_train_images": str(photos),
        "ss_num_reg_images": str(sum(each.class_images for each in taught)),
        "ss_num_batches_per_epoch": str(math.ceil(photos / train.batch_size)),
        "ss_dataset_dirs": json.dumps(folders),
        "ss_tag_frequency": json.dumps({each.folder: _tags(each.prompts) for each in taught}),
    }


def _tags(prompts: Sequence[str]) -> dict[str, int]:
    tags = (tag.strip().lower() for prompt in prompts for tag in prompt.split(","))
    return dict(Counter(tag for tag in tags if tag))


def model_metadata(kind: str, name: str, file: Path | None) -> dict[str, str]:
    """Which model was trained on, or which autoencoder with, by its name and, of a single file, its hashes.

    Args:
        kind: ``sd_model`` or ``vae``.

    Raises:
        ModelError: the file cannot be read.
    """
    told = {f"ss_{kind}_name": name}
    if file is not None:
        hashes = file_hashes(file)
        told |= {f"ss_{kind}_hash": hashes.old, f"ss_new_{kind}_hash": hashes.sha256}
    return told
