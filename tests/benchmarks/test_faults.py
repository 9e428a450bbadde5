"""One sweep under fire; `python -m benchmarks.faults` strikes a hundred times."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.fault_kinds import Fault, Kind
from benchmarks.faults import plan_round, run_round, write_experiment
from dbsweep.config.loading import load_experiment
from dbsweep.records.run import RunRecord
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep import preflight
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.running import run_experiment
from tests.execution.in_process import InProcessBackend

pytestmark = pytest.mark.slow

RATES = (3e-4,)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="module")
def truth(folder: Path) -> RunRecord:
    """The undisturbed run, in this very process."""
    experiment = load_experiment(write_experiment(folder, "undisturbed", RATES))
    view = TerminalView(Console(file=io.StringIO()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preflight, "check_disk", lambda *_: None)
        return read_run(run_experiment(experiment, lambda *_: InProcessBackend(), view))


def test_a_sweep_under_fire_ends_as_if_nothing_had_happened(ray_session: None, folder: Path, truth: RunRecord) -> None:
    faults = (
        Fault(kind=Kind.KILL_IN_WRITE, branch="b01", step=6),
        Fault(kind=Kind.KILL_DRIVER, step=4),
        Fault(kind=Kind.FLIP),
        Fault(kind=Kind.KILL_IN_STEP, branch="b03", step=11),
    )
    outcome = run_round(write_experiment(folder, "struck", RATES), faults, truth, random.Random(0))
    assert outcome.wrong == ()
    assert outcome.struck == faults
    assert 0 < outcome.retrained <= outcome.allowed


def test_rounds_depend_on_the_seed_alone_and_strike_a_branch_once(truth: RunRecord) -> None:
    first, again, other = (plan_round(truth.plan, random.Random(seed)) for seed in (1, 1, 2))
    assert first == again != other
    struck = [fault.branch for fault in first if fault.branch]
    assert len(set(struck)) == len(struck) == 3
