"""What other trainers call a setting, where no likeness of letters would tell, or would tell of another setting."""

from __future__ import annotations

import re
from collections.abc import Mapping

OTHER_NAMES: Mapping[str, str] = {
    # everywhere
    "batch": "train.batch_size",
    "lr": "train.learning_rate",
    "mlflow": "tracking",
    # the DreamBooth extension of A1111
    "adamw_weight_decay": "train.weight_decay",
    "class_guidance_scale": "concepts[].class_images.guidance_scale",
    "class_infer_steps": "concepts[].class_images.num_inference_steps",
    "class_negative_prompt": "concepts[].class_images.negative_prompt",
    "concepts_list": "concepts",
    "custom_model_name": "name",
    "half_model": "checkpoints.precision",
    "has_ema": "base_model_ema",
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
    "scale_learning_rate": "train.scale_lr",
    "src": "base_model",
    "stop_text_encoder": "train.text_encoder_ratio",
    "tenc_weight_decay": "train.weight_decay",
    "txt_learning_rate": "train.text_encoder_learning_rate",
    "use_lora": "train.lora_rank",
    "use_lora_extended": "train.lora_targets",
    # kohya's sd-scripts
    "alpha_mask": "train.background_weight",
    "caption_tag_dropout_rate": "train.tag_dropout",
    "class_tokens": "concepts[].instance_prompt",
    "conv_dim": "train.lora_targets",
    "dataset_repeats": "concepts[].repeats",
    "datasets": "concepts",
    "enable_bucket": "train.aspect_ratio_buckets",
    "flip_aug": "train.random_flip",
    "image_dir": "concepts[].instance_images",
    "ip_noise_gamma": "train.input_perturbation",
    "is_reg": "concepts[].class_images.folder",
    "keep_tokens": "train.keep_tags",
    "learning_rate_te": "train.text_encoder_learning_rate",
    "learning_rate_te1": "train.text_encoder_learning_rate",
    "log_tracker_name": "tracking.experiment",
    "lr_scheduler_num_cycles": "train.lr_num_cycles",
    "lr_scheduler_power": "train.lr_power",
    "lr_scheduler_step_rules": "train.lr_step_rules",
    "masked_loss": "train.background_weight",
    "max_train_epoch": "train.epochs",
    "max_train_epochs": "train.epochs",
    "mem_eff_attn": "train.attention",
    "network_alpha": "train.lora_alpha",
    "network_dim": "train.lora_rank",
    "network_dropout": "train.lora_dropout",
    "network_module": "train.lora_rank",
    "network_train_unet_only": "train.text_encoder_ratio",
    "num_repeats": "concepts[].repeats",
    "output_name": "name",
    "reg_data_dir": "concepts[].class_images.folder",
    "sample_every_n_epochs": "evaluate.every_epochs",
    "sample_every_n_steps": "evaluate.every_steps",
    "sample_prompts": "concepts[].sample_prompt",
    "sample_sampler": "evaluate.sampler",
    "save_every_n_epochs": "evaluate.every_epochs",
    "save_every_n_steps": "evaluate.every_steps",
    "save_last_n_epochs": "checkpoints.keep",
    "save_precision": "checkpoints.precision",
    "sdpa": "train.attention",
    "shuffle_caption": "train.shuffle_tags",
    "stop_text_encoder_training": "train.text_encoder_ratio",
    "subsets": "concepts",
    "text_encoder_lr": "train.text_encoder_learning_rate",
    "train_data_dir": "concepts[].instance_images",
    "unet_lr": "train.learning_rate",
    "xformers": "train.attention",
    # diffusers' examples, of which the others took over some
    "adam_weight_decay": "train.weight_decay",
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
    "prior_generation_precision": "evaluate.precision",
    "rank": "train.lora_rank",
    "snr_gamma": "train.min_snr_gamma",
    "tracker_project_name": "tracking.experiment",
    "train_text_encoder": "train.text_encoder_ratio",
    "use_8bit_adam": "train.optimizer",
    "use_ema": "train.ema_decay",
    "validation_epochs": "evaluate.every_epochs",
    "validation_prompt": "concepts[].sample_prompt",
    "validation_scheduler": "evaluate.sampler",
    "validation_steps": "evaluate.every_steps",
    "with_prior_preservation": "train.class_images_per_instance",
    # OneTrainer and SimpleTuner
    "attention_mechanism": "train.attention",
    "base_model_name": "base_model",
    "caption_dropout_probability": "train.caption_dropout",
    "checkpoint_step_interval": "evaluate.every_steps",
    "clip_grad_norm": "train.max_grad_norm",
    "concept_file_name": "concepts",
    "data_backend_config": "concepts",
    "dropout_probability": "train.lora_dropout",
    "ema": "train.ema_decay",
    "layer_filter": "train.lora_targets",
    "learning_rate_cycles": "train.lr_num_cycles",
    "learning_rate_scheduler": "train.lr_scheduler",
    "learning_rate_warmup_steps": "train.lr_warmup_steps",
    "lora_decompose": "train.lora_dora",
    "lora_type": "train.lora_rank",
    "loss_weight_fn": "train.min_snr_gamma",
    "loss_weight_strength": "train.min_snr_gamma",
    "masked_training": "train.background_weight",
    "offset_noise_weight": "train.noise_offset",
    "perturbation_noise_weight": "train.input_perturbation",
    "sample_after": "evaluate.every_epochs",
    "save_every": "evaluate.every_epochs",
    "text_encoder_layer_skip": "clip_skip",
    "tracker_run_name": "name",
    "train_dtype": "train.precision",
    "training_method": "train.lora_rank",
    "unmasked_weight": "train.background_weight",
    "validation_guidance": "evaluate.guidance_scale",
    "validation_negative_prompt": "evaluate.negative_prompt",
    "validation_num_inference_steps": "evaluate.num_inference_steps",
    "validation_resolution": "train.resolution",
    "validation_seed": "evaluate.seed",
    "validation_step_interval": "evaluate.every_steps",
    "workspace_dir": "output",
}
"""A name there, in small letters, and the setting's path here."""

_MASKED = "how much the background counts: 0 learns none of it"

_UNLIKE: Mapping[str, str] = {
    "alpha_mask": _MASKED,
    "masked_loss": _MASKED,
    "masked_training": _MASKED,
    "max_train_steps": "a step here has class images beside its batch_size photos",
    "num_class_images": "of each photo here, not of all",
    "stop_text_encoder_training": "a share of the epochs here, not a step",
}
"""What a value there would not mean here, where it could be taken over as it is."""


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


def did_you_mean_ours(name: object, path: str) -> str:
    """``did you mean `rank`?``, of what `known_as` found, with what else the number counts."""
    unlike = _UNLIKE.get(str(name).lower())
    return f"did you mean `{path}`{'' if unlike is None else f', {unlike}'}?"
