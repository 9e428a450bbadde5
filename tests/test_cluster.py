"""`cluster.yaml` by Ray's own validation, and by what it promises."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def cluster() -> dict[str, Any]:
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared: dict[str, Any] = prepare_config(yaml.safe_load((ROOT / "cluster.yaml").read_text(encoding="utf-8")))
    validate_config(prepared)
    return prepared


def test_the_head_runs_no_trials_and_workers_come_from_spot_when_needed(cluster: dict[str, Any]):
    types = cluster["available_node_types"]
    head = types.pop(cluster["head_node_type"])
    assert head["resources"] == {"CPU": 0}
    assert types
    for worker in types.values():
        assert worker["resources"]["GPU"] >= 1
        assert worker["min_workers"] == 0
        assert worker["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}


def test_every_node_needs_the_token_and_the_dashboard_stays_on_loopback(cluster: dict[str, Any]):
    starts = [
        command
        for name in ("head_start_ray_commands", "worker_start_ray_commands")
        for command in cluster[name]
        if "ray start" in command
    ]
    assert len(starts) == 2
    assert all("RAY_AUTH_MODE=token ray start" in command and "umask 077" in command for command in starts)
    assert "--dashboard-host=127.0.0.1" in starts[0]
    assert "~/.ray/auth_token" in cluster["file_mounts"]
    assert "0.0.0.0" not in (ROOT / "cluster.yaml").read_text(encoding="utf-8")


def test_ray_is_pinned_to_a_release_that_the_package_allows(cluster: dict[str, Any]):
    (version,) = re.findall(r"'ray\[[\w,]+\]==([\d.]+)'", " ".join(cluster["worker_setup_commands"]))
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    (ray,) = [requirement for line in declared if (requirement := Requirement(line)).name == "ray"]
    assert ray.specifier.contains(version)
