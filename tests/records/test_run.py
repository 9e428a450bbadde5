"""What records answer about themselves."""

from __future__ import annotations

import pytest

from dbsweep.execution.simulated import UNTRAINED, make_scorecard
from dbsweep.records.results import Checkpoint
from dbsweep.records.run import RunRecord
from tests.execution.sweeps import make_plan


def checkpoint(branch: str, step: int) -> Checkpoint:
    name = f"{branch}-{step:06d}"
    return Checkpoint(id=name, branch=branch, step=step, epoch=step // 10, path=name, sha256="", bytes=1)


def record() -> RunRecord:
    found = [checkpoint("b02", 30), *(checkpoint("b01", step) for step in (40, 10, 20, 30)), checkpoint("b03", 40)]
    return RunRecord(
        name="demo",
        experiment={},
        plan=make_plan(),
        states={},
        branch_states={},
        failures={},
        checkpoints={each.id: each for each in found},
        logs={},
        scorecards={},
        verdicts={},
        choice=None,
        grids=(),
        started=0.0,
        finished=None,
    )


def ids(run: RunRecord, trial: str) -> list[str]:
    return [each.id for each in run.checkpoints_of(trial)]


def test_a_trial_has_the_checkpoints_along_its_path() -> None:
    assert ids(record(), "t001") == ["b01-000010", "b01-000020"]
    assert ids(record(), "t004") == ["b01-000010", "b01-000020", "b02-000030", "b03-000040"]
    with pytest.raises(KeyError):
        record().checkpoints_of("t999")


def test_a_changed_copy_looks_its_own_checkpoints_up() -> None:
    run = record()
    assert ids(run, "t003") == ["b01-000010", "b01-000020", "b02-000030"]
    fewer = run.model_copy(update={"checkpoints": {"b02-000030": run.checkpoints["b02-000030"]}})
    assert ids(fewer, "t003") == ["b02-000030"]
    assert len(ids(run, "t003")) == 3


def test_looking_up_leaves_a_record_equal() -> None:
    run = record()
    run.checkpoints_of("t001")
    assert run == record()
    assert RunRecord.model_validate_json(run.model_dump_json()) == run


def test_a_copy_with_another_plan_knows_its_looks() -> None:
    looked_at = checkpoint("b01", 10)
    card = make_scorecard(looked_at.id, UNTRAINED)
    run = record().model_copy(update={"scorecards": {looked_at.id: card}})
    assert not run.is_late(looked_at)
    none = [branch.model_copy(update={"milestones": ()}) for branch in run.plan.branches]
    passed_over = run.model_copy(update={"plan": run.plan.model_copy(update={"branches": tuple(none)})})
    assert passed_over.is_late(looked_at)


def test_settings_are_found_by_the_trial() -> None:
    run = record()
    assert [run.settings_of(trial.id) for trial in run.plan.trials] == [trial.settings for trial in run.plan.trials]
    assert run.settings_of("t001") != run.settings_of("t002")
