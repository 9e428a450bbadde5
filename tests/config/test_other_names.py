"""Settings under the names of other trainers."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from dbsweep.config.messages import did_you_mean
from dbsweep.config.other_names import OTHER_NAMES
from dbsweep.config.schema import Concept, Evaluate, Experiment, Train
from tests.config.conftest import Faults

SECTIONS: tuple[type[BaseModel], ...] = (Experiment, Concept, Train, Evaluate)


@pytest.mark.parametrize(("there", "here"), OTHER_NAMES.items())
def test_every_name_leads_to_one_setting(there: str, here: str) -> None:
    home = [section.model_fields for section in SECTIONS if here in section.model_fields]
    assert len(home) == 1
    assert did_you_mean(there, home[0]) == f"did you mean `{here}`?"
    assert all(there not in section.model_fields for section in SECTIONS)


def test_a_name_that_looks_like_another_setting_is_not_taken_for_it(faults: Faults) -> None:
    assert faults("train: {text_encoder_lr: 5e-5, ip_noise_gamma: 0.1}\nsearch: {network_dim: [4, 8]}") == {
        "train.text_encoder_lr": "is an unknown key; did you mean `text_encoder_learning_rate`? (line 10)",
        "train.ip_noise_gamma": "is an unknown key; did you mean `input_perturbation`? (line 10)",
        "search.network_dim": "no setting of `train` has this name; did you mean `lora_rank`? (line 11)",
    }
