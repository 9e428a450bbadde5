"""Which checkpoints of a run are compared, and under which trial."""

from __future__ import annotations

from pathlib import Path

from dbsweep.selection.candidates import list_candidates
from tests.selection.curves import NAN, flat_card
from tests.tracking.records import make_record


def test_a_checkpoint_is_offered_once_under_the_trial_that_ends_there(tmp_path: Path) -> None:
    """t001 ends at step 20 and t002 at 30 of the same branch; at step 10 none does."""
    record = make_record(tmp_path)
    offered = [(trial, checkpoint.step) for trial, checkpoint, _ in list_candidates(record)]
    assert offered == [("t001", 10), ("t001", 20), ("t002", 30)]
    plan = record.plan
    turned = plan.model_copy(update={"trials": plan.trials[::-1], "paths": plan.paths[::-1]})
    offered = [(trial, at.step) for trial, at, _ in list_candidates(record.model_copy(update={"plan": turned}))]
    assert offered == [("t002", 30), ("t001", 10), ("t001", 20)]


def test_what_never_had_an_image_is_left_out_and_a_card_of_more_images_counts(tmp_path: Path) -> None:
    record = make_record(tmp_path)
    blank, partly = flat_card("b01-000010", NAN, NAN, NAN), flat_card("b01-000020", NAN, 0.5, 0.5)
    raced = flat_card("b01-000030", 0.6, 0.6, 0.6)
    record = record.model_copy(
        update={
            "scorecards": {**record.scorecards, blank.checkpoint: blank, partly.checkpoint: partly},
            "further": {8: {raced.checkpoint: raced}},
        }
    )
    assert [card for _, _, card in list_candidates(record)][1:] == [raced]
    assert [checkpoint.step for _, checkpoint, _ in list_candidates(record)] == [20, 30]
