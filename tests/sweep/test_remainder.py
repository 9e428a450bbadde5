"""What going on with a run will skip, continue and do."""

from __future__ import annotations

import pytest

from dbsweep.records.names import TrialState
from dbsweep.sweep.remainder import describe_rest
from tests.sweep.on_paper import curve, run

pytestmark = pytest.mark.usefixtures("any_base_model")


def test_resuming_tells_what_is_skipped_continued_and_begun(tmp_path):
    record, _, _ = run(tmp_path, curve)
    b1, b2, b3, b4 = record.plan.branches
    stopped, interrupted, pending, failed = (
        TrialState.STOPPED, TrialState.INTERRUPTED, TrialState.PENDING, TrialState.FAILED,
    )  # fmt: skip
    states = {b1.id: stopped, b2.id: pending, b3.id: interrupted, b4.id: failed}
    kept = [c for c in record.checkpoints.values() if c.branch == b1.id or (c.branch == b3.id and c.epoch <= 4)]
    left = record.model_copy(update={"branch_states": states, "checkpoints": {c.id: c for c in kept}})
    assert describe_rest(left, {}) == (
        "Going on with demo: 1 branch done and skipped; 1 to continue from the last checkpoint (b03 after step 12 of "
        "24), the steps since then are trained again; 2 to train from the start (b02, b04); tried again although "
        "failed: b04"
    )


def test_resuming_tells_which_branches_go_on_exactly_where_ctrl_c_stopped_them(tmp_path):
    record, _, _ = run(tmp_path, curve)
    b1, b2, b3, b4 = record.plan.branches
    states = {b.id: TrialState.INTERRUPTED for b in (b1, b2, b3)} | {b4.id: TrialState.COMPLETED}
    kept = {c.id: c for c in record.checkpoints.values() if c.branch == b1.id and c.epoch <= 4}  # step 12 is its last
    left = record.model_copy(update={"branch_states": states, "checkpoints": kept})
    example = next(iter(kept.values()))
    saved = {
        f"{branch.id}-{step:06d}": example.model_copy(update={"branch": branch.id, "step": step})
        for branch, step in ((b1, 9), (b3, 7))  # b1's is from before its last checkpoint: it is not gone on from
    }
    assert describe_rest(left, saved) == (
        "Going on with demo: 1 branch done and skipped; 1 to continue where they were stopped (b03 after step 7 of "
        "24); 1 to continue from the last checkpoint (b01 after step 12 of 24), the steps since then are trained "
        "again; 1 to train from the start (b02)"
    )
