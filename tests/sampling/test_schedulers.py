"""A1111's sampler names mean the right diffusers schedulers."""

from __future__ import annotations

from typing import get_args

import pytest

from dbsweep.config.fields import SamplerName
from dbsweep.errors import DbsweepError
from dbsweep.sampling.schedulers import SAMPLERS, check_sampler, make_scheduler
from tests.tiny_models import SCHEDULER


@pytest.mark.parametrize("name", sorted(SAMPLERS))
@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_the_models_noise_schedule_and_prediction_type_are_kept(name: str, prediction_type: str) -> None:
    scheduler = make_scheduler(name, {**SCHEDULER, "prediction_type": prediction_type})
    config = scheduler.config
    assert (config.beta_start, config.beta_end, config.beta_schedule) == (0.00085, 0.012, "scaled_linear")
    assert config.prediction_type == prediction_type
    assert ("Karras" in name) == bool(config.get("use_karras_sigmas", False))


def test_the_names_tell_the_solvers_apart() -> None:
    made = {
        name: (type(s).__name__, s.config.get("algorithm_type"))
        for name in ("DPM2", "DPM2 a", "DPM++ 2M", "DPM++ 2M SDE", "DPM++ SDE", "DPM++ SDE Karras", "PLMS", "DDIM")
        for s in [make_scheduler(name, SCHEDULER)]
    }
    assert made == {
        "DPM2": ("KDPM2DiscreteScheduler", None),
        "DPM2 a": ("KDPM2AncestralDiscreteScheduler", None),
        "DPM++ 2M": ("DPMSolverMultistepScheduler", "dpmsolver++"),
        "DPM++ 2M SDE": ("DPMSolverMultistepScheduler", "sde-dpmsolver++"),
        "DPM++ SDE": ("DPMSolverSinglestepScheduler", "sde-dpmsolver++"),
        "DPM++ SDE Karras": ("DPMSolverSinglestepScheduler", "sde-dpmsolver++"),
        "PLMS": ("PNDMScheduler", None),
        "DDIM": ("DDIMScheduler", None),
    }


def test_plms_begins_with_one_further_evaluation_and_not_with_runge_kutta() -> None:
    scheduler = make_scheduler("PLMS", {name: value for name, value in SCHEDULER.items() if name != "skip_prk_steps"})
    scheduler.set_timesteps(10)
    assert len(scheduler.timesteps) == 11


def test_the_configuration_given_is_not_changed() -> None:
    config = dict(SCHEDULER)
    make_scheduler("DPM++ 2M Karras", config)
    assert config == SCHEDULER


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("DPM++ 2M Karas", "DPM[+][+] 2M Karras"),
        ("euler A", "Euler a"),
        ("ddim", "DDIM"),
        ("DPM2M Karras", "DPM2 Karras"),
    ],
)
def test_a_near_name_is_suggested(name: str, hint: str) -> None:
    with pytest.raises(DbsweepError, match=f"did you mean '{hint}'"):
        check_sampler(name)


def test_a_name_like_no_other_gets_the_list() -> None:
    with pytest.raises(DbsweepError, match=r"^unknown sampler 'zzz' \(known: Euler, Euler a, "):
        check_sampler("zzz")


def test_the_experiment_file_allows_just_these_samplers():
    assert get_args(SamplerName) == tuple(SAMPLERS)
