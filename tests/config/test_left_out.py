"""Settings of other trainers that there are none of here."""

from __future__ import annotations

import pytest

from dbsweep.config.left_out import LEFT_OUT, why_left_out
from dbsweep.config.other_names import OTHER_NAMES
from dbsweep.config.schema import Concept, Evaluate, Experiment, Train
from tests.config.conftest import Faults


@pytest.mark.parametrize("there", LEFT_OUT)
def test_no_name_is_one_of_ours(there: str) -> None:
    assert there == there.lower()
    assert there not in OTHER_NAMES
    assert all(there not in section.model_fields for section in (Experiment, Concept, Train, Evaluate))


def test_what_another_trainer_has_is_told_apart_from_a_slip(faults: Faults) -> None:
    assert faults("cache_latents: true\ntrain: {Loss_Type: huber}\nsearch: {optimizer_args: [d_coef=2]}") == {
        "cache_latents": "needs no setting here: dbsweep sees to it by itself; take it out (line 10)",
        "train.Loss_Type": "is not in dbsweep; take it out (line 11)",
        "search.optimizer_args": "is not in dbsweep, but for the weight decay (`train.weight_decay`); take it out"
        " (line 12)",
    }
    assert why_left_out("seed") is None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("noise_offset_random_strength", "is not in dbsweep"),  # by its letters noise_offset
        ("weight_dtype", "is not in dbsweep"),  # weight_decay
        ("noise_scheduler", "is not in dbsweep"),  # lr_scheduler
        ("loss_scaler", "is not in dbsweep"),  # scale_lr
        ("lr_scale_pos", "is not in dbsweep"),  # scale_lr
        ("split_loss", "needs no setting here: dbsweep sees to it by itself"),
        ("force_v_prediction", "needs no setting here: dbsweep finds it from the model's files"),
        ("dataset_config", "is not in dbsweep, where one experiment file says all"),
    ],
)
def test_a_setting_without_a_counterpart_is_not_taken_for_one_that_looks_like_it(
    faults: Faults, name: str, why: str
) -> None:
    assert faults(f"train: {{{name}: 1}}") == {f"train.{name}": f"{why}; take it out (line 10)"}
