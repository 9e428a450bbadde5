"""Settings of other trainers that no key here stands for: what is always so, what a command does, what there is not."""

from __future__ import annotations

from collections.abc import Mapping

_WHY: Mapping[str, str] = {
    "needs no setting here: dbsweep sees to it by itself": (
        "cache_dir cache_info cache_latents cache_latents_to_disk cache_text_encoder_outputs center_crop"
        " clear_cache_before_training dataloader_num_workers dataloader_threads gradient_set_to_none highvram"
        " latent_caching local_rank lowram max_data_loader_n_workers max_token_length no_half_vae"
        " normalize_masked_area_loss only_cache persistent_data_loader_workers pre_compute_text_embeddings"
        " sample_at_first sample_batch_size set_grads_to_none skip_cache_check split_loss text_encoder_batch_size"
        " tokenizer_max_length tokenizer_name train_device vae_batch_size"
        " vae_cache_ondemand"
    ),
    "needs no setting here: dbsweep finds it from the model's files": (
        "force_epsilon_prediction force_v_prediction model_family model_flavour model_type prediction_type v2"
        " v2_model v_parameterization"
    ),
    "is a command here, `dbsweep resume RUN`; what it goes on from is always kept": (
        "backup_after continue_last_backup initial_epoch initial_step resume resume_from_checkpoint rolling_backup"
        " save_last_n_epochs_state save_state save_state_after save_state_cancel save_state_during"
        " save_state_on_train_end skip_until_initial_step"
    ),
    "is a command here, `dbsweep export RUN --out FILE --format F`": (
        "no_metadata output_dtype output_model_destination output_model_format save_ckpt_after save_ckpt_cancel"
        " save_ckpt_during save_lora_after save_lora_cancel save_lora_during save_lora_for_extra_net save_model_as"
        " save_safetensors use_safetensors use_subdir"
    ),
    "is not in dbsweep, which logs to MLflow alone (section `tracking`)": (
        "disable_logging log_config log_prefix log_tracker_config log_with logging_dir report_to"
        " samples_to_tensorboard tensorboard wandb_api_key"
    ),
    "is not in dbsweep, but for the weight decay (`train.weight_decay`)": "optimizer_args optimizer_config",
    "is not in dbsweep, but for convolutions and LoRA+ (`train.lora_targets`, `train.lora_plus_ratio`)": "network_args",
    "is not in dbsweep, which reads .txt and .caption files": "caption_extension",
    "is not in dbsweep, which reads masks beside photos, as NAME-masklabel.png": "conditioning_data_dir",
    "is not in dbsweep, where one experiment file says all": "config_file dataset_config output_config",
    "is not in dbsweep, which reads the photos of a folder and not those of folders in it": "include_subdirectories",
    "is not in dbsweep": (
        "adam_beta1 adam_beta2 adam_epsilon adaptive_noise_scale allow_tf32 aspect_bucket_rounding"
        " base_model_precision base_weights base_weights_multiplier block_alphas block_dims block_lr_zero_threshold"
        " blocks_to_swap bucket_no_upscale bucket_reso_steps caption_dropout_every_n_epochs caption_separator"
        " class_labels_conditioning color_aug custom_learning_rate_scheduler d_coef dim_from_weights"
        " disable_class_matching disable_tf32 dynamic_img_norm dynamic_noise_offset ema_predict"
        " ema_update_step_interval embedding_learning_rate enable_wildcard epoch_pause_frequency epoch_pause_time"
        " face_crop_aug_range fallback_train_dtype force_circular_padding fp8_base freeze_clip_normalization"
        " freeze_spectral_norm full_bf16 full_fp16 fused_backward_pass generalized_offset_noise hub_model_id"
        " hub_token huber_c huber_delta huber_scale huber_schedule huber_strength image_variations in_json infer_ema"
        " ip_noise_gamma_random_strength keep_tokens_separator"
        " log_cosh_strength logit_mean logit_std lora_model_name loss_scaler loss_type lr_decay_steps lr_end"
        " lr_factor lr_scale_pos lr_scheduler_args lr_scheduler_timescale"
        " lr_scheduler_type mae_strength masked_prior_preservation_weight max_bucket_reso max_validation_steps"
        " metadata_author metadata_description metadata_license metadata_tags metadata_title min_bucket_reso"
        " min_learning_rate minimum_image_size mse_strength network_multiplier network_train_text_encoder_only"
        " network_weights noise_offset_random_strength noise_scheduler noising_bias noising_weight non_ema_sampling"
        " pad_tokens perlin_noise prior_loss_scale prior_loss_target prior_loss_weight_min push_to_hub"
        " rescale_noise_scheduler_to_zero_terminal_snr resize_interpolation resolution_override save_n_epoch_ratio"
        " scale_v_pred_loss_like_noise_pred secondary_separator strict_tokens tag_delimiter"
        " tag_dropout_mode text_variations timestep_distribution timestep_shift token_warmup_min token_warmup_step"
        " tomesd train_imagic train_unet train_unfrozen training_comment unmasked_probability use_dream"
        " v_pred_like_loss vb_loss_strength"
        " weight_dtype weighted_captions weighting_scheme zero_terminal_snr"
    ),
}

LEFT_OUT: Mapping[str, str] = {name: why for why, names in _WHY.items() for name in names.split()}
"""A name there, in small letters, and why there is none here."""


def why_left_out(name: object) -> str | None:
    """What to say of a key that another trainer has and an experiment file does not; None if unknown."""
    why = LEFT_OUT.get(str(name).lower())
    return None if why is None else f"{why}; take it out"
