"""What other trainers call a setting, where no likeness of letters would tell, or would tell of another setting."""

from __future__ import annotations

from collections.abc import Mapping

OTHER_NAMES: Mapping[str, str] = {
    # everywhere
    "lr": "learning_rate",
    # kohya's sd-scripts
    "caption_tag_dropout_rate": "tag_dropout",
    "enable_bucket": "aspect_ratio_buckets",
    "flip_aug": "random_flip",
    "ip_noise_gamma": "input_perturbation",
    "learning_rate_te": "text_encoder_learning_rate",
    "max_train_epochs": "epochs",
    "network_dim": "lora_rank",
    "output_name": "name",
    "reg_data_dir": "class_images",
    "save_every_n_steps": "every_steps",
    "text_encoder_lr": "text_encoder_learning_rate",
    "train_data_dir": "instance_images",
    "unet_lr": "learning_rate",
    # diffusers' examples, of which kohya took over some
    "checkpointing_steps": "every_steps",
    "class_data_dir": "class_images",
    "instance_data_dir": "instance_images",
    "max_train_steps": "steps",
    "num_train_epochs": "epochs",
    "num_validation_images": "images_per_prompt",
    "output_dir": "output",
    "pretrained_model_name_or_path": "base_model",
    "use_8bit_adam": "optimizer",
    "use_ema": "ema_decay",
    "validation_prompt": "sample_prompt",
}
"""A name there, and the last part of the setting's path here."""
