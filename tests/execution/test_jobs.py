"""Jobs: plain JSON, and the class images that the hungriest trial needs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from dbsweep.execution.jobs import BranchJob, Fork, sweep_job
from dbsweep.records.plan import Trial
from tests.execution.sweeps import make_branch_jobs, make_experiment, make_plan, settings


def test_a_job_travels_as_json() -> None:
    job = make_branch_jobs(Path("/runs/demo"))[1].forked(Fork(step=20, checkpoint=Path("/x"), lineage=()))
    assert BranchJob.model_validate_json(job.model_dump_json()) == job


def test_a_fork_must_be_the_branch_s() -> None:
    first, second, _ = make_branch_jobs(Path("/runs/demo"))
    fork = Fork(step=30, checkpoint=Path("/x"), lineage=())
    for job in (first, second):
        with pytest.raises(ValidationError, match="does not start at step 30"):
            job.forked(fork)


def test_class_images_are_those_of_the_hungriest_trial_by_resolution() -> None:
    plan = make_plan().model_copy(
        update={
            "trials": (
                Trial(id="t001", settings={**settings(2, 1.0), "class_images_per_instance": 3}),
                Trial(id="t002", settings={**settings(2, 1.0), "class_images_per_instance": 25}),
                Trial(id="t003", settings={**settings(2, 1.0), "class_images_per_instance": 5}),
                Trial(id="t004", settings={**settings(2, 1.0), "class_images_per_instance": 0, "resolution": 128}),
                Trial(id="t005", settings={**settings(2, 1.0), "resolution": 128, "prior_loss_weight": 0.0}),
            )
        }
    )
    job = sweep_job(Path("r"), Path("c"), make_experiment(), plan, [12], base="b", encoder="e")
    assert [(n.concept, n.size, n.count) for n in job.class_images] == [(0, (64, 64), 300), (0, (128, 128), 0)]
    assert [framing.resolution for framing in job.framings] == [64, 128]
    assert job.run_folder.is_absolute()


def test_each_concept_has_class_images_of_its_own_number() -> None:
    man = make_experiment().concepts[0].model_dump(mode="json")
    other = json.loads(json.dumps(man).replace("ohwx", "zwx"))
    experiment = make_experiment(concepts=[man, other])
    job = sweep_job(Path("r"), Path("c"), experiment, make_plan(), [12, 5], base="b", encoder="e")
    assert [(n.concept, n.count) for n in job.class_images] == [(0, 24), (1, 10)]
    without = make_experiment(concepts=[man, {**other, "class_images": {"enabled": False}}])
    job = sweep_job(Path("r"), Path("c"), without, make_plan(), [12, 5], base="b", encoder="e")
    assert [(n.concept, n.count) for n in job.class_images] == [(0, 24), (1, 0)]


def test_class_images_have_the_sizes_of_the_photos() -> None:
    trials = (
        Trial(id="t001", settings={**settings(2, 1.0), "class_images_per_instance": 3, "aspect_ratio_buckets": True}),
        Trial(id="t002", settings={**settings(2, 1.0), "class_images_per_instance": 1}),
    )
    plan = make_plan().model_copy(update={"trials": trials})
    sizes = [[(300, 300), (200, 300), (190, 300)]]
    job = sweep_job(Path("r"), Path("c"), make_experiment(), plan, [3], base="b", encoder="e", photo_sizes=sizes)
    # 2:3 at 64 pixels: 48 by 80 has 0.6, 56 by 72 has 0.78.
    assert [(n.size, n.count) for n in job.class_images] == [((48, 80), 6), ((64, 64), 3)]
