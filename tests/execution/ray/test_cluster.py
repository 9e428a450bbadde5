"""Sweeps on several Ray nodes of this machine: a node that is lost in the middle of a branch changes nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from rich.console import Console

from dbsweep.config.loading import load_experiment
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.ray.start import HUGE_PAGES
from dbsweep.models.checkpoints import verify
from dbsweep.records.run import RunRecord
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.running import run_experiment
from dbsweep.sweep.storage import bring_checkpoint
from tests.execution.in_process import InProcessBackend
from tests.scoring.conftest import clip_folder
from tests.sweep.files import write_experiment

__all__ = ["clip_folder"]

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

ROOT = Path(__file__).parents[3]
STEPS_PER_CHECKPOINT = 6  # three photos, a checkpoint every two epochs
PATIENCE_S = 240.0
UNCOMPARED = "search.scheduler=none"
"""Whom the others outrun depends on who reports first, so on timing."""

FORBIDDEN = "DBSWEEP_TEST_FORBIDDEN"
"""Names the folder that no process of a node may open anything in."""

GUARD = f"""
import os, sys
folder = os.environ.get({FORBIDDEN!r})
def guard(event, arguments):
    if event in ("open", "os.listdir", "os.scandir", "os.mkdir", "os.rename", "os.remove", "os.rmdir"):
        if any(isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(folder) for path in arguments):
            raise PermissionError(f"a worker reached for the driver's disk: {{event}} {{arguments}}")
if folder:
    sys.addaudithook(guard)
"""
"""What a node's Python runs first, as ``sitecustomize``."""

DRIVER_OF_A_BRANCH_THAT_TELLS = """
import os, sys
from pathlib import Path
from dbsweep.config.schema import Resources
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.ray.backend import RayBackend
from dbsweep.records.events import BranchEnded
from dbsweep.records.names import TrialState
from tests.execution.sweeps import make_branch_jobs
def body(job, emit):
    told = os.environ.get("GLIBC_TUNABLES", "")
    emit(BranchEnded(branch=job.branch.id, state=TrialState.COMPLETED, last_step=job.branch.end_step, reason=told))
address, folder = sys.argv[1], Path(sys.argv[2])
backend = RayBackend(RunFolder(folder), Resources(), address=address, body=body)
backend.run(make_branch_jobs(folder)[:1], lambda event: print(event.reason))
backend.close()
"""
"""Prints what the only worker of the cluster has in its environment."""


@dataclass
class Nodes:
    """A cluster whose head runs no trials.

    Attributes:
        cluster: Ray's.
        workers: nodes of one core each.
    """

    cluster: Any
    workers: list[Any] = field(default_factory=list)

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    def add(self) -> None:
        """One more node of one core."""
        self.workers.append(self.cluster.add_node(num_cpus=1))

    def kill_node_of(self, pid: int) -> None:
        """As when a machine is taken away: its raylet and all its workers are gone at once."""
        (raylet,) = [pid_of_raylet(node) for node in self.workers if pid in children(pid_of_raylet(node))]
        for victim in (raylet, *children(raylet)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)


def pid_of_raylet(node: Any) -> int:
    (raylet,) = node.all_processes["raylet"]
    return int(raylet.process.pid)


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    """A head without cores; Ray's notes of it lie where no other test looks."""
    from ray.cluster_utils import Cluster

    from dbsweep.execution.ray.start import set_environment

    set_environment()
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with tempfile.TemporaryDirectory(prefix="rc", ignore_cleanup_errors=True) as folder:  # sockets need short paths
        monkeypatch.setenv("RAY_TMPDIR", folder)
        # A lost node is noticed after ten seconds, not after half a minute; busy cores answer late.
        beats = {
            "health_check_initial_delay_ms": 0,
            "health_check_period_ms": 1000,
            "health_check_failure_threshold": 10,
        }
        head = {"num_cpus": 0, "_system_config": beats, "include_dashboard": False}
        started = Nodes(Cluster(initialize_head=True, head_node_args=head))
        try:
            yield started
        finally:
            started.cluster.shutdown()


def drive(nodes: Nodes, steps: Path, file: Path, *overrides: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != FORBIDDEN}
    arguments = [nodes.address, str(steps), str(file), *overrides]
    command = [sys.executable, "-m", "tests.execution.cluster_driver", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(driver: subprocess.Popen[str]) -> None:
    try:
        shown, _ = driver.communicate(timeout=PATIENCE_S)
    finally:
        driver.kill()
    assert driver.returncode == 0, shown


def trained(steps: Path) -> list[tuple[str, int, int]]:
    """(branch, step, pid) of every step that was trained."""
    lines = steps.read_text().splitlines() if steps.exists() else []
    return [(branch, int(step), int(pid)) for branch, step, pid in map(str.split, lines)]


def in_the_middle(steps: Path) -> int | None:
    """Who was the first between two checkpoints of a branch, behind its first."""
    between = [pid for _, step, pid in trained(steps) if step % STEPS_PER_CHECKPOINT == 3 and step > 6]
    return between[0] if between else None


def wait_for(what: Callable[[], int | None], driver: subprocess.Popen[str]) -> int:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if (found := what()) is not None:
            return found
        if driver.poll() is not None:
            pytest.fail(f"the driver ended early: {driver.communicate()[0]}")
        time.sleep(0.01)
    pytest.fail("nothing happened")


def results(record: RunRecord) -> dict[str, object]:
    """The leaderboard with every checkpoint's hash and scores."""
    return {
        "states": record.states,
        "verdicts": record.verdicts,
        "choice": record.choice,
        "checkpoints": {name: checkpoint.sha256 for name, checkpoint in record.checkpoints.items()},
        "scores": {name: dict(card.scores) for name, card in record.scorecards.items()},
    }


def run_here(file: Path, *overrides: str) -> dict[str, object]:
    """The undisturbed run, in this process."""
    with patch("dbsweep.sweep.preflight.check_disk"):  # as in the driver
        return _run_here(file, overrides)


def _run_here(file: Path, overrides: Sequence[str]) -> dict[str, object]:
    folder = run_experiment(
        load_experiment(file, overrides), lambda *_: InProcessBackend(), TerminalView(Console(quiet=True))
    )
    return results(read_run(folder))


def test_a_lost_node_costs_at_most_one_checkpoint_interval(
    nodes: Nodes, tmp_path: Path, tiny_sd: Path, clip_folder: Path
) -> None:
    nodes.add()
    nodes.add()
    file = write_experiment(tmp_path, base=tiny_sd, encoder=clip_folder)
    undisturbed = run_here(file, f"output={tmp_path / 'here'}", UNCOMPARED)
    steps = tmp_path / "steps"
    driver = drive(nodes, steps, file, f"output={tmp_path / 'there'}", UNCOMPARED)
    nodes.kill_node_of(wait_for(lambda: in_the_middle(steps), driver))
    finish(driver)
    assert results(read_run(RunFolder(tmp_path / "there" / "demo"))) == undisturbed
    times = Counter((branch, step) for branch, step, _ in trained(steps))
    again = [step for step, count in times.items() if count > 1]
    assert 0 < len(again) <= STEPS_PER_CHECKPOINT
    assert max(times.values()) == 2


def test_with_storage_by_uri_workers_need_nothing_of_the_driver_s_disk(
    nodes: Nodes, tmp_path: Path, tiny_sd: Path, clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(GUARD)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}:{ROOT}")
    monkeypatch.setenv(FORBIDDEN, str(tmp_path / "driver"))
    nodes.add()

    base = shutil.copytree(tiny_sd, tmp_path / "driver" / "sd")
    encoder = shutil.copytree(clip_folder, tmp_path / "driver" / "clip")
    file = write_experiment(tmp_path / "driver", base=base, encoder=encoder)
    undisturbed = run_here(file, f"output={tmp_path / 'here'}", UNCOMPARED)
    steps, runs, storage = tmp_path / "steps", tmp_path / "driver" / "runs", tmp_path / "storage"
    driver = drive(nodes, steps, file, f"storage=file://{storage}", UNCOMPARED)
    # The only worker is lost; the branch goes on on the machine that comes in its place.
    nodes.kill_node_of(wait_for(lambda: in_the_middle(steps), driver))
    nodes.add()
    finish(driver)

    record = read_run(RunFolder(runs / "demo"))
    assert results(record) == undisturbed
    times = Counter((branch, step) for branch, step, _ in trained(steps))
    assert 0 < sum(count > 1 for count in times.values()) <= STEPS_PER_CHECKPOINT
    assert all((runs / "demo" / image.path).is_file() for card in record.scorecards.values() for image in card.images)
    assert not list(runs.rglob("*.safetensors")), "weights have come to the driver"

    assert record.choice is not None
    best = record.checkpoints[record.choice.best.checkpoint]
    assert verify(bring_checkpoint(RunFolder(runs / "demo"), best))


def test_workers_of_a_cluster_have_large_pages_beside_what_their_machine_sets(
    nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = "glibc.rtld.optional_static_tls=2000"
    monkeypatch.setenv("GLIBC_TUNABLES", own)
    nodes.add()
    monkeypatch.delenv("GLIBC_TUNABLES")
    command = [sys.executable, "-c", DRIVER_OF_A_BRANCH_THAT_TELLS, nodes.address, str(tmp_path)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout
    assert told == f"{own}:{HUGE_PAGES}\n"
