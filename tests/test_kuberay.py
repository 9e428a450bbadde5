"""`docs/kuberay.yaml`: what it promises, and that its commands and settings are ones that dbsweep knows."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from dbsweep.cli import app
from dbsweep.config.loading import load_experiment

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def job() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "kuberay.yaml").read_text(encoding="utf-8"))
    return loaded


def commands(job: dict[str, Any]) -> list[list[str]]:
    """The words of each dbsweep command of the entry point."""
    _, _, script = shlex.split(job["spec"]["entrypoint"])
    return [shlex.split(command)[1:] for command in re.findall(r"dbsweep [^;]+", script)]


def test_it_is_a_ray_job_of_the_release_that_the_cluster_file_pins(job: dict[str, Any]) -> None:
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert f"ray[default,tune]=={job['spec']['rayClusterSpec']['rayVersion']}'" in (ROOT / "cluster.yaml").read_text()


def test_the_head_runs_no_trials_and_gpus_come_when_needed(job: dict[str, Any]) -> None:
    cluster = job["spec"]["rayClusterSpec"]
    head, (workers,) = cluster["headGroupSpec"], cluster["workerGroupSpecs"]
    assert head["rayStartParams"]["num-cpus"] == "0"
    assert "nvidia.com/gpu" not in str(head)
    assert cluster["enableInTreeAutoscaling"] is True
    assert (workers["replicas"], workers["minReplicas"]) == (0, 0)
    (worker,) = workers["template"]["spec"]["containers"]
    assert worker["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert cluster["authOptions"] == {"mode": "token"}
    assert job["spec"]["shutdownAfterJobFinishes"] is True


def test_a_second_attempt_resumes_the_run_of_the_first(job: dict[str, Any]) -> None:
    resume, run = commands(job)
    assert (resume[0], run[0]) == ("resume", "run")
    name, runs = resume[1], resume[resume.index("--runs") + 1]
    assert run[run.index("--name") + 1] == name
    assert f"output={runs}" in run
    assert f"-f {runs}/{name}/ledger.db" in job["spec"]["entrypoint"]


def test_its_commands_and_settings_exist(job: dict[str, Any]) -> None:
    known = get_command(app).commands  # type: ignore[attr-defined]
    for name, *words in commands(job):
        options = {option for parameter in known[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options
    run = commands(job)[1]
    overrides = [value for option, value in itertools.pairwise(run) if option == "--set"]
    experiment = load_experiment(ROOT / "experiments" / "sd15_face.yaml", overrides)
    assert experiment.storage == "s3://my-bucket/dbsweep"
    assert experiment.resources.gpus_per_trial == 1
