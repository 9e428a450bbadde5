"""How fast machines are taken to be."""

from __future__ import annotations

from dbsweep.plan.rates import rates_for
from tests.plan.experiments import experiment


def test_minisd_is_known_on_the_cpu_alone():
    assert rates_for(experiment(), workers=2).seconds_per_step is not None
    assert rates_for(experiment(), workers=2).workers == 2
    assert rates_for(experiment(resources={"gpus_per_trial": 1})).seconds_per_step is None


def test_gpus_are_told_apart_by_name_and_resolution():
    sd15 = experiment(base_model="stable-diffusion-v1-5/stable-diffusion-v1-5", train={"resolution": 512})
    a100 = rates_for(sd15, gpu="NVIDIA A100-SXM4-80GB").seconds_per_step
    h200 = rates_for(sd15, gpu="NVIDIA H200").seconds_per_step
    assert a100 is not None
    assert h200 is not None
    assert h200 < a100
    assert rates_for(sd15, gpu="NVIDIA H200").area(1024) == 4
    assert rates_for(sd15, gpu="Voodoo 2").seconds_per_step is None
    assert rates_for(sd15).seconds_per_step is None
