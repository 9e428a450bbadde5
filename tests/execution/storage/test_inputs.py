"""Every photo and model of a job is listed where it lies here, and nowhere else once it is moved."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.execution.jobs import CustomModel, SweepJob
from dbsweep.execution.storage.inputs import local_inputs, with_inputs_at
from dbsweep.models.sources import BaseSource
from tests.execution.sweeps import make_experiment, make_sweep_job

FACES = ("face_detector", "face_recognizer")
ALL = ("photos", "held_out", "own", "base", "vae", "below", "encoder", "custom", "custom_below", *FACES)


@pytest.fixture
def sweep(tmp_path: Path) -> SweepJob:
    """A job whose inputs are all on this disk."""
    for name in ALL:
        (tmp_path / name).mkdir()
    at = {name: str(tmp_path / name) for name in ALL}
    photos = {
        "instance_images": at["photos"],
        "validation_images": at["held_out"],
        "class_images": {"folder": at["own"]},
    }
    evaluate = {"encoder": "minisd", "identity": {name: at[name] for name in FACES}}
    concept = make_experiment().concepts[0].model_dump() | photos
    base = BaseSource(source=at["base"], vae=at["vae"], below=BaseSource(source=at["below"]))
    job = make_sweep_job(tmp_path / "run", make_experiment(concepts=[concept], evaluate=evaluate))
    custom = CustomModel(
        name="mine", source=BaseSource(source=at["custom"], below=BaseSource(source=at["custom_below"]))
    )
    return job.model_copy(update={"base": base, "encoder": at["encoder"], "customs": {"mine": custom}})


def test_all_that_lies_on_this_disk_is_listed(sweep: SweepJob, tmp_path: Path) -> None:
    assert set(local_inputs(sweep)) == {str(tmp_path / name) for name in ALL}


def test_what_has_a_name_alone_is_not(sweep: SweepJob, tmp_path: Path) -> None:
    named = sweep.model_copy(update={"base": BaseSource(source="owner/name"), "encoder": "ViT-L-14/openai"})
    gone = ("base", "vae", "below", "encoder")
    assert set(local_inputs(named)) == {str(tmp_path / name) for name in ALL if name not in gone}


def test_a_job_that_is_moved_knows_the_new_places_alone(sweep: SweepJob, tmp_path: Path) -> None:
    moved = with_inputs_at(sweep, lambda path: path.replace(str(tmp_path), "/elsewhere"))
    assert local_inputs(moved) == []
    text = moved.model_dump_json()
    assert all(f'"/elsewhere/{name}"' in text and f'"{tmp_path}/{name}"' not in text for name in ALL)
    assert with_inputs_at(moved, lambda path: path.replace("/elsewhere", str(tmp_path))) == sweep
