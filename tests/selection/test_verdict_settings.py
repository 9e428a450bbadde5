"""The thresholds of a verdict, as the experiment file states them."""

from __future__ import annotations

import pytest

from dbsweep.config.choosing import Judging, Weights
from dbsweep.records.names import Metric
from dbsweep.selection.verdict_settings import WATCHED, VerdictSettings


def test_for_looks_changes_nothing_else() -> None:
    assert VerdictSettings(drop=0.2).for_looks(15) == VerdictSettings(drop=0.2, planned_looks=15)
    assert VerdictSettings().for_looks(0).planned_looks == 1


def test_what_is_not_stated_is_what_verdicts_without_a_file_go_by() -> None:
    assert VerdictSettings.stated(Judging()) == VerdictSettings()


@pytest.mark.parametrize("name", Judging.model_fields)
def test_each_setting_of_the_file_is_read(name: str) -> None:
    stated = Judging.model_validate({name: 0.01})
    assert getattr(VerdictSettings.stated(stated), name) == 0.01 != getattr(VerdictSettings(), name)


@pytest.mark.parametrize(
    ("weights", "watched"),
    [
        (Weights(style=0.0), (Metric.PRIOR,)),
        (Weights(prior=0.0), (Metric.STYLE,)),
        (Weights(style=0.0, prior=0.0), ()),
        (Weights(identity=0.0, style=0.1), WATCHED),
    ],
    ids=str,
)
def test_only_what_weighs_in_the_choice_is_watched(weights: Weights, watched: tuple[Metric, ...]) -> None:
    assert VerdictSettings.stated(Judging(), weights).watched == watched
