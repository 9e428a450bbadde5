"""What scorecards and grids answer, and that results survive the way to a file and back."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from dbsweep.execution.simulated import UNTRAINED, make_scorecard
from dbsweep.records.names import BASE, Metric
from dbsweep.records.results import Checkpoint, GridImage, GridModel, StepLog
from tests.execution.ledgers import checkpoint, grid


def test_a_card_tells_the_mean_of_a_metric_that_it_has() -> None:
    card = make_scorecard("b01-000010", {Metric.IDENTITY: 0.25})
    assert card.value(Metric.IDENTITY) == 0.25
    with pytest.raises(KeyError, match="style"):
        card.value(Metric.STYLE)


def test_a_grids_model_without_a_checkpoint_is_the_base_model() -> None:
    assert GridModel(title="base", checkpoint=None).id == BASE
    assert GridModel(title="epoch 1", checkpoint=checkpoint(10).checkpoint).id == "b01-000010"


def test_a_grid_names_its_images_in_the_order_in_which_they_are_read() -> None:
    cells = (((("a", "b"), ()), (("c",),)), ((("d",),),))
    drawn: GridImage = grid("CFG").model_copy(update={"cells": cells})
    assert drawn.paths == ("a", "b", "c", "d")
    assert drawn.model_copy(update={"cells": ()}).paths == ()


def test_numbers_that_are_none_survive_json() -> None:
    log = checkpoint(10).log
    read = StepLog.model_validate_json(log.model_dump_json())
    assert math.isnan(read.loss)
    assert read.grad_norm == math.inf
    card = make_scorecard("c", {**UNTRAINED, Metric.STYLE: math.nan})
    assert math.isnan(type(card).model_validate_json(card.model_dump_json()).value(Metric.STYLE))


def test_what_a_record_does_not_know_is_refused_and_what_it_knows_stays() -> None:
    made = checkpoint(10).checkpoint
    with pytest.raises(ValidationError, match="size"):
        Checkpoint.model_validate(made.model_dump() | {"size": 7})
    with pytest.raises(ValidationError, match="frozen"):
        made.step = 20  # type: ignore[misc]
