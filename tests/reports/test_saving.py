"""Steps that early ends have saved, in every text that tells of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.records.names import TrialState
from dbsweep.records.run import RunRecord
from dbsweep.reports.data import report_data
from dbsweep.reports.listings import best_text, trials_text
from dbsweep.reports.saving import saving_sentence, steps_saved


def ended_early(record: RunRecord, branch: str, checkpoints: int) -> RunRecord:
    """The record as if a verdict had ended the branch after so many checkpoints."""
    mine = sorted((c for c in record.checkpoints.values() if c.branch == branch), key=lambda c: c.step)
    left = {c.id for c in mine[checkpoints:]}
    return record.model_copy(
        update={
            "checkpoints": {key: c for key, c in record.checkpoints.items() if key not in left},
            "branch_states": {**record.branch_states, branch: TrialState.STOPPED},
        }
    )


def test_what_is_left_of_a_stopped_branch_is_saved(record: RunRecord):
    branch = record.plan.branches[-1]
    second = sorted(c.step for c in record.checkpoints.values() if c.branch == branch.id)[1]
    assert steps_saved(ended_early(record, branch.id, 2)) == branch.end_step - second
    assert steps_saved(ended_early(record, branch.id, 0)) == branch.end_step - branch.fork_step


def test_of_a_branch_that_was_never_begun_what_is_its_parents_is_not_saved(record: RunRecord):
    branch = record.plan.branches[-1]
    forked = branch.model_copy(update={"parent": record.plan.branches[0].id, "fork_step": 240})
    plan = record.plan.model_copy(update={"branches": (*record.plan.branches[:-1], forked)})
    never_begun = ended_early(record, branch.id, 0).model_copy(update={"plan": plan})
    assert steps_saved(never_begun) == branch.end_step - 240


def test_a_sweep_that_ran_to_its_end_saved_nothing_and_says_nothing(record: RunRecord, run_folder: Path):
    assert steps_saved(record) == 0
    assert saving_sentence(record) == ""
    assert not any("saved" in line for line in (*trials_text(record), *best_text(record, run_folder)))


def test_all_texts_tell_it(record: RunRecord, run_folder: Path):
    stopped = ended_early(record, record.plan.branches[-1].id, 2)
    saved, planned = steps_saved(stopped), record.plan.cost.steps_shared
    sentence = f"Ending trials early saved {saved:,} of {planned:,} optimizer steps ({saved / planned:.0%})."
    assert trials_text(stopped)[-1] == sentence
    assert sentence in best_text(stopped, run_folder)
    assert ("Saved by early ends", f"{saved} steps ({saved / planned:.0%})") in report_data(stopped, run_folder).facts


@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.INTERRUPTED, TrialState.RUNNING, TrialState.PENDING])
def test_what_is_left_of_a_branch_that_was_not_ended_early_is_not_saved(record: RunRecord, state: TrialState):
    branch = record.plan.branches[-1].id
    left = ended_early(record, branch, 2)
    left = left.model_copy(update={"branch_states": {**left.branch_states, branch: state}})
    assert steps_saved(left) == 0


def test_the_last_checkpoint_tells_how_far_a_branch_came_in_whatever_order_they_stand(record: RunRecord):
    stopped = ended_early(record, record.plan.branches[-1].id, 3)
    turned = stopped.model_copy(update={"checkpoints": dict(reversed(stopped.checkpoints.items()))})
    assert steps_saved(turned) == steps_saved(stopped) > 0
