"""What other trainers call a setting, where no likeness of letters would tell, or would tell of another setting."""

from __future__ import annotations

import re
from collections.abc import Mapping

OTHER_NAMES: Mapping[str, str] = {
    # everywhere
    "batch": "train.batch_size",
    "lr": "train.learning_rate",
    # the DreamBooth extension of A1111
    "class_guidance_scale": "concepts[].class_images.guidance_scale",
    "class_infer_steps": "concepts[].class_images.num_inference_steps",
    "class_negative_prompt": "concepts[].class_images.negative_prompt",
    "custom_model_name": "name",
    "half_model": "checkpoints.precision",
    "hflip": "train.random_flip",
    "lora_learning_rate": "train.learning_rate",
    "lora_txt_learning_rate": "train.text_encoder_learning_rate",
    "lora_unet_rank": "train.lora_rank",
    "model_name": "name",
    "n_save_sample": "evaluate.images_per_prompt",
    "num_class_images_per": "train.class_images_per_instance",
    "sample_seed": "evaluate.seed",
    "sanity_prompt": "concepts[].sanity_prompts",
    "sanity_seed": "evaluate.seed",
    "save_embedding_every": "evaluate.every_epochs",
    "save_guidance_scale": "evaluate.guidance_scale",
    "save_infer_steps": "evaluate.num_inference_steps",
    "save_preview_every": "evaluate.every_epochs",
    "save_sample_negative_prompt": "evaluate.negative_prompt",
    "save_sample_prompt": "concepts[].sample_prompt",
    "src": "base_model",
    "stop_text_encoder": "train.text_encoder_ratio",
    "use_lora": "train.lora_rank",
    # kohya's sd-scripts
    "caption_tag_dropout_rate": "train.tag_dropout",
    "conv_dim": "train.lora_targets",
    "enable_bucket": "train.aspect_ratio_buckets",
    "flip_aug": "train.random_flip",
    "image_dir": "concepts[].instance_images",
    "ip_noise_gamma": "train.input_perturbation",
    "keep_tokens": "train.keep_tags",
    "learning_rate_te": "train.text_encoder_learning_rate",
    "lr_scheduler_num_cycles": "train.lr_num_cycles",
    "lr_scheduler_power": "train.lr_power",
    "max_train_epochs": "train.epochs",
    "network_alpha": "train.lora_alpha",
    "network_dim": "train.lora_rank",
    "network_dropout": "train.lora_dropout",
    "network_train_unet_only": "train.text_encoder_ratio",
    "num_repeats": "concepts[].repeats",
    "output_name": "name",
    "reg_data_dir": "concepts[].class_images.folder",
    "sample_every_n_epochs": "evaluate.every_epochs",
    "sample_prompts": "concepts[].sample_prompt",
    "sample_sampler": "evaluate.sampler",
    "save_every_n_epochs": "evaluate.every_epochs",
    "save_every_n_steps": "evaluate.every_steps",
    "save_precision": "checkpoints.precision",
    "shuffle_caption": "train.shuffle_tags",
    "text_encoder_lr": "train.text_encoder_learning_rate",
    "train_data_dir": "concepts[].instance_images",
    "unet_lr": "train.learning_rate",
    "xformers": "train.attention",
    # diffusers' examples, of which the others took over some
    "checkpointing_steps": "evaluate.every_steps",
    "checkpoints_total_limit": "checkpoints.keep",
    "class_data_dir": "concepts[].class_images.folder",
    "enable_xformers_memory_efficient_attention": "train.attention",
    "instance_data_dir": "concepts[].instance_images",
    "max_train_steps": "train.steps",
    "mixed_precision": "train.precision",
    "num_class_images": "train.class_images_per_instance",
    "num_train_epochs": "train.epochs",
    "num_validation_images": "evaluate.images_per_prompt",
    "offset_noise": "train.noise_offset",
    "output_dir": "output",
    "pretrained_model_name_or_path": "base_model",
    "pretrained_vae_name_or_path": "vae",
    "rank": "train.lora_rank",
    "train_text_encoder": "train.text_encoder_ratio",
    "use_8bit_adam": "train.optimizer",
    "use_ema": "train.ema_decay",
    "validation_prompt": "concepts[].sample_prompt",
    "validation_steps": "evaluate.every_steps",
    "with_prior_preservation": "train.class_images_per_instance",
    # OneTrainer and SimpleTuner
    "base_model_name": "base_model",
    "checkpoint_step_interval": "evaluate.every_steps",
    "ema": "train.ema_decay",
    "learning_rate_cycles": "train.lr_num_cycles",
    "learning_rate_scheduler": "train.lr_scheduler",
    "offset_noise_weight": "train.noise_offset",
    "train_dtype": "train.precision",
    "validation_guidance": "evaluate.guidance_scale",
    "validation_seed": "evaluate.seed",
}
"""A name there, in small letters, and the setting's path here."""


def known_as(name: object, section: str) -> str | None:
    """What another trainer's setting is called here: its name where the section has it, else its path; None if unknown.

    Args:
        section: where the name was found, by its path: ``train``, ``concepts[1]``, empty for the top of the file.
    """
    path = OTHER_NAMES.get(str(name).lower())
    if path is None:
        return None
    item = section if re.fullmatch(r"concepts\[\d+\]", section) else "concepts[0]"
    return path.replace("concepts[]", item).removeprefix(f"{section}.")
