"""Settings under the names of other trainers."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from dbsweep.config.other_names import OTHER_NAMES, known_as
from dbsweep.config.schema import Concept, Experiment
from tests.config.conftest import Faults


@pytest.mark.parametrize(("there", "here"), OTHER_NAMES.items())
def test_every_name_leads_to_a_setting(there: str, here: str) -> None:
    assert there == there.lower()
    section: type[BaseModel] | None = Concept if here.startswith("concepts[].") else Experiment
    for name in here.removeprefix("concepts[].").split("."):
        assert section is not None
        assert name in section.model_fields
        assert there not in section.model_fields
        kind = section.model_fields[name].annotation
        section = kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


@pytest.mark.parametrize(
    ("name", "section", "here"),
    [
        ("network_dim", "train", "lora_rank"),
        ("network_dim", "", "train.lora_rank"),
        ("NETWORK_DIM", "evaluate", "train.lora_rank"),
        ("instance_data_dir", "", "concepts[0].instance_images"),
        ("instance_data_dir", "concepts[1]", "instance_images"),
        ("class_data_dir", "concepts[1]", "class_images.folder"),
        ("class_data_dir", "train", "concepts[0].class_images.folder"),
        ("output_name", "", "name"),
        ("scale_learning_rate", "train", "scale_lr"),  # by its letters it would be learning_rate
        ("validation_scheduler", "train", "evaluate.sampler"),  # and lr_scheduler
        ("learning_rate", "", None),
    ],
)
def test_it_is_named_as_it_is_seen_from_there(name: str, section: str, here: str | None) -> None:
    assert known_as(name, section) == here


def test_a_name_that_looks_like_another_setting_is_not_taken_for_it(faults: Faults) -> None:
    assert faults("train: {text_encoder_lr: 5e-5, ip_noise_gamma: 0.1}\nsearch: {network_dim: [4, 8]}") == {
        "train.text_encoder_lr": "is an unknown key; did you mean `text_encoder_learning_rate`? (line 10)",
        "train.ip_noise_gamma": "is an unknown key; did you mean `input_perturbation`? (line 10)",
        "search.network_dim": "no setting of `train` has this name; did you mean `lora_rank`? (line 11)",
    }


def test_masks_lead_to_the_weight_of_the_background(faults: Faults) -> None:
    unlike = "did you mean `background_weight`, how much the background counts: 0 learns none of it?"
    assert faults("train: {masked_training: true, unmasked_weight: 0.1, alpha_mask: true, masked_loss: true}") == {
        "train.masked_training": f"is an unknown key; {unlike} (line 10)",
        "train.unmasked_weight": "is an unknown key; did you mean `background_weight`? (line 10)",
        "train.alpha_mask": f"is an unknown key; {unlike} (line 10)",
        "train.masked_loss": f"is an unknown key; {unlike} (line 10)",
    }


def test_a_name_at_the_top_of_the_file_leads_into_its_section(faults: Faults) -> None:
    # Other trainers have one flat list of settings.
    assert faults("train_batch_size: 2\nnum_train_epochs: 80\nsave_precision: fp16") == {
        "train_batch_size": "is an unknown key; did you mean `train.batch_size`? (line 10)",
        "num_train_epochs": "is an unknown key; did you mean `train.epochs`, an epoch here has each photo once, however"
        " many class images there are? (line 11)",
        "save_precision": "is an unknown key; did you mean `checkpoints.precision`? (line 12)",
    }


def test_a_number_that_counts_something_else_is_told_of(faults: Faults) -> None:
    assert faults("num_class_images: 200\nsearch: {max_train_steps: [800]}") == {
        "num_class_images": "is an unknown key; did you mean `train.class_images_per_instance`, of each photo here,"
        " not of all? (line 10)",
        "search.max_train_steps": "no setting of `train` has this name; did you mean `steps`, a step here has class"
        " images beside its batch_size photos? (line 11)",
    }


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("caption_prefix", "`concepts[0].instance_prompt`, in which words stand around [filewords]"),
        ("learning_rate_scaler", "`scale_lr`, which multiplies by the photos of a step and not by their root"),
        ("learning_rate_min", "`lr_min_ratio`, a share of the learning rate here"),
        ("learning_rate_warmup_steps", "`lr_warmup_steps`, in optimizer steps here, never a share of them"),
        ("text_encoder_layer_skip", "`clip_skip`, one more than the layers that are skipped: for its 1 take 2"),
        ("loss_weight", "`concepts[0].repeats`, how often each photo trains in an epoch"),
        ("loss_weight_fn", "`min_snr_gamma`, or `train.debiased_estimation_loss`"),
        ("min_noising_strength", "`min_timestep`, a timestep here: 1000 times that share"),
        ("network_dropout", "`lora_dropout`, of what a layer gets here, not of what lies between its factors"),
        ("offset_noise", "`noise_offset`, a strength here, 0.1 in diffusers' script"),
        ("perturbation_noise_weight", "`input_perturbation`, which the model sees here and does not have to predict"),
    ],
)
def test_a_setting_that_means_something_else_there_is_told_of(faults: Faults, name: str, told: str) -> None:
    assert faults(f"train: {{{name}: 1}}") == {f"train.{name}": f"is an unknown key; did you mean {told}? (line 10)"}


@pytest.mark.parametrize(
    ("name", "here"),
    [
        ("balancing_strategy", "concepts[0].repeats"),  # by its letters it would be learning_rate
        ("enable_tag_shuffling", "shuffle_tags"),
        ("dynamo_backend", "compile"),
        ("loraplus_lr_ratio", "lora_plus_ratio"),
        ("save_last_n_steps", "checkpoints.keep"),
        ("scale_weight_norms", "lora_max_norm"),
        ("validate_every_n_steps", "evaluate.every_steps"),
    ],
)
def test_a_name_that_no_letters_tell_leads_to_its_setting(faults: Faults, name: str, here: str) -> None:
    assert faults(f"train: {{{name}: 1}}") == {f"train.{name}": f"is an unknown key; did you mean `{here}`? (line 10)"}
