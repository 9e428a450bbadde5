"""What records answer about themselves."""

from __future__ import annotations

import pytest

from dbsweep.execution.simulated import UNTRAINED, make_scorecard
from dbsweep.records.choice import Candidate, Choice, Overrule
from dbsweep.records.names import TrialState
from dbsweep.records.results import Checkpoint
from dbsweep.records.run import LEFT_ALONE, RunRecord
from tests.execution.sweeps import make_plan


def checkpoint(branch: str, step: int) -> Checkpoint:
    name = f"{branch}-{step:06d}"
    return Checkpoint(id=name, branch=branch, step=step, epoch=step // 10, path=name, sha256="", bytes=1)


def record() -> RunRecord:
    found = [checkpoint("b02", 30), *(checkpoint("b01", step) for step in (40, 20, 10, 30)), checkpoint("b03", 40)]
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


def test_a_checkpoints_card_is_that_of_its_closest_look() -> None:
    raced, other = "b01-000010", "b01-000020"
    first, four, eight = (make_scorecard(raced, UNTRAINED).model_copy(update={"images": ()}) for _ in range(3))
    run = record().model_copy(update={"scorecards": {raced: first, other: make_scorecard(other, UNTRAINED)}})
    assert run.card_of(raced) is first
    assert run.finalists is None
    further = {8: {raced: eight}, 4: {raced: four, other: make_scorecard(other, UNTRAINED)}}
    after = run.model_copy(update={"further": further})
    assert after.card_of(raced) is eight
    assert after.card_of(other) is further[4][other]
    assert after.finalists == frozenset({raced})


def candidate(step: int) -> Candidate:
    return Candidate(
        trial="t001",
        checkpoint=f"b01-{step:06d}",
        step=step,
        epoch=step // 10,
        identity=0.5,
        style=0.5,
        prior=0.5,
        utility=0.5,
        on_front=True,
    )


def test_what_the_person_took_goes_before_dbsweeps_choice() -> None:
    best, mine = candidate(10), candidate(20)
    chosen = record().model_copy(update={"choice": Choice(best=best, reason="", candidates=(best, mine))})
    assert record().kept is None
    assert chosen.kept == best
    assert chosen.model_copy(update={"overrule": Overrule(candidate=mine, because="", time=0.0)}).kept == mine


def test_a_checkpoint_is_late_where_a_look_was_made_that_the_plan_had_not() -> None:
    run, looked_at = record(), checkpoint("b01", 10)
    without = tuple(
        branch.model_copy(
            update={"milestones": tuple(m.model_copy(update={"evaluate": False}) for m in branch.milestones)}
        )
        for branch in run.plan.branches
    )
    passed_over = run.model_copy(update={"plan": run.plan.model_copy(update={"branches": without})})
    assert not passed_over.is_late(looked_at)  # nobody has looked yet
    card = make_scorecard(looked_at.id, UNTRAINED)
    assert passed_over.model_copy(update={"scorecards": {looked_at.id: card}}).is_late(looked_at)


def test_of_a_run_whose_driver_was_killed_nothing_runs_any_more() -> None:
    states = {"t001": TrialState.COMPLETED, "t002": TrialState.RUNNING, "t003": TrialState.PENDING}
    branches = {"b01": TrialState.FAILED, "b02": TrialState.RUNNING}
    run = record().model_copy(
        update={"states": states, "branch_states": branches, "failures": {"b01": "out of memory"}}
    )
    left = run.without_driver()
    assert left.states == {**states, "t002": TrialState.INTERRUPTED}
    assert left.branch_states == {**branches, "b02": TrialState.INTERRUPTED}
    assert left.failures == {"b01": "out of memory", "b02": LEFT_ALONE}
    assert (run.interrupted, left.interrupted) == (False, True)


def test_a_branch_ends_at_its_last_checkpoint_and_knows_its_epochs() -> None:
    branch = record().plan.branches[0]
    last = branch.milestones[-1]
    assert len(branch.milestones) > 1
    assert branch.end_step == last.step
    assert branch.steps_per_epoch * last.epoch == last.step
