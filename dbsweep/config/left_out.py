"""Settings of other trainers that no key here stands for: what is always so, what a command does, what there is not."""

from __future__ import annotations

from collections.abc import Mapping

_WHY: Mapping[str, str] = {
    "needs no setting here: dbsweep sees to it by itself": (
        "cache_dir cache_latents cache_latents_to_disk center_crop clear_cache_before_training"
        " dataloader_num_workers gradient_set_to_none highvram latent_caching local_rank lowram"
        " max_data_loader_n_workers max_token_length no_half_vae normalize_masked_area_loss only_cache"
        " persistent_data_loader_workers pre_compute_text_embeddings sample_batch_size set_grads_to_none"
        " tokenizer_max_length tokenizer_name"
        " vae_batch_size vae_cache_ondemand"
    ),
    "needs no setting here: dbsweep finds it from the model's files": (
        "model_family model_flavour model_type prediction_type v2 v2_model v_parameterization"
    ),
    "is a command here, `dbsweep resume RUN`; what it goes on from is always kept": (
        "backup_after continue_last_backup resume resume_from_checkpoint save_last_n_epochs_state save_state"
        " save_state_on_train_end"
    ),
    "is a command here, `dbsweep export RUN --out FILE --format F`": (
        "output_dtype output_model_destination output_model_format save_ckpt_after save_ckpt_cancel save_ckpt_during"
        " save_lora_after save_lora_cancel save_lora_during save_model_as use_safetensors use_subdir"
    ),
    "is not in dbsweep, which logs to MLflow alone (section `tracking`)": (
        "log_prefix log_with logging_dir report_to tensorboard wandb_api_key"
    ),
    "is not in dbsweep, but for the weight decay (`train.weight_decay`)": "optimizer_args optimizer_config",
    "is not in dbsweep, but for convolutions (`train.lora_targets`)": "network_args",
    "is not in dbsweep, which reads .txt and .caption files": "caption_extension",
    "is not in dbsweep, which reads masks beside photos, as NAME-masklabel.png": "conditioning_data_dir",
    "is not in dbsweep": (
        "adam_beta1 adam_beta2 adam_epsilon adaptive_noise_scale allow_tf32 aspect_bucket_rounding"
        " base_model_precision base_weights block_alphas block_dims block_lr_zero_threshold bucket_no_upscale"
        " bucket_reso_steps caption_dropout_every_n_epochs caption_prefix caption_suffix class_labels_conditioning"
        " color_aug d_coef debiased_estimation_loss dim_from_weights disable_tf32"
        " dynamic_noise_offset face_crop_aug_range force_circular_padding full_bf16 full_fp16 fused_backward_pass"
        " generalized_offset_noise hub_model_id hub_token huber_c huber_schedule in_json keep_tokens_separator"
        " loss_type lr_end lr_factor lr_scheduler_args lr_scheduler_type mae_strength masked_prior_preservation_weight"
        " max_bucket_reso max_noising_strength max_timestep metadata_author metadata_title min_bucket_reso"
        " min_learning_rate min_noising_strength min_timestep minimum_image_size mse_strength"
        " multires_noise_discount multires_noise_iterations network_train_text_encoder_only network_weights"
        " noising_weight pad_tokens prior_loss_scale push_to_hub save_n_epoch_ratio scale_weight_norms"
        " secondary_separator timestep_distribution token_warmup_min token_warmup_step tomesd training_comment"
        " unmasked_probability weighted_captions zero_terminal_snr"
    ),
}

LEFT_OUT: Mapping[str, str] = {name: why for why, names in _WHY.items() for name in names.split()}
"""A name there, in small letters, and why there is none here."""


def why_left_out(name: object) -> str | None:
    """What to say of a key that another trainer has and an experiment file does not; None if unknown."""
    why = LEFT_OUT.get(str(name).lower())
    return None if why is None else f"{why}; take it out"
