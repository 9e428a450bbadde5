"""What a checkpoint is worth: weights, constraints, and the one policy for missing numbers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from dbsweep.config.choosing import Choosing, Weights
from dbsweep.records.names import BASE, Metric
from dbsweep.selection.utility import Utility, utility_for, utility_of
from tests.selection.curves import flat_card
from tests.tracking.records import make_record

NAN = math.nan


@pytest.mark.parametrize(
    ("weights", "scores", "expected"),
    [
        ((1, 1, 1), (0.8, 0.56, 0.8), 3 / (1 / 0.8 + 1 / 0.64 + 1)),  # 0.56 is 0.8 of the 0.7 that is enough of style
        ((1, 1, 1), (1.0, 1.0, 0.25), 3 / (1 + 1 + 2)),  # half of the 0.5 that is enough of prior
        ((0, 1, 1), (0.8, 0.35, 1.0), 2 / (2 + 1)),  # where identity does not count, style stands alone
        ((1, 1, 1), (1.0, 0.35, 1.0), 3 / (1 + 2 + 1)),
        ((1, 1, 1), (1.0, 0.71, 1.0), 1.0),
        ((2, 1, 1), (0.5, 1.0, 1.0), 4 / (2 / 0.5 + 1 / 0.5 + 1)),
        ((1, 0, 0), (0.3, NAN, -1.0), 0.3),  # what does not count need not be a number
        ((1, 1, 1), (1.4, 1.0, 1.0), 1.0),  # clipped to 1
        ((1, 1, 1), (0.0, 1.0, 1.0), 0.0),
        ((1, 1, 1), (-0.4, 1.0, 1.0), 0.0),
        ((1, 1, 1), (NAN, 1.0, 1.0), 0.0),
    ],
)
def test_weighted_harmonic_mean(
    weights: tuple[float, ...], scores: tuple[float, float, float], expected: float
) -> None:
    counted = Weights(identity=weights[0], style=weights[1], prior=weights[2])
    section = Choosing(weights=counted, enough_style=0.7, enough_prior=0.5)
    assert utility_for(section, None).value_of(flat_card("c", *scores)) == pytest.approx(expected)


def test_what_is_nan_on_the_bases_card_is_left_out_everywhere() -> None:
    """2 / (1/.5 + 1/1) = 0.67; a NaN that the base does not have is worth 0."""
    utility = utility_for(Choosing(constraints=("style >= 0.5", "prior >= 0.5")), flat_card(BASE, 0.0, NAN, 1.0))
    assert utility.unmeasurable == (Metric.STYLE,)
    assert utility.value_of(flat_card("c", 0.5, NAN, 1.0)) == pytest.approx(2 / 3)
    assert utility.value_of(flat_card("c", NAN, NAN, 1.0)) == 0.0
    assert [str(limit) for limit in utility.constraints] == ["prior >= 0.5"]


@pytest.mark.parametrize(
    ("level", "unmet", "shortfall"),
    [
        ((0.6, 0.9, 0.9), [], 0.0),
        ((0.5, 0.9, 0.9), ["identity >= 0.6"], 0.1),
        ((0.5, 1.2, 0.9), ["identity >= 0.6", "style <= 1.1"], 0.2),
        ((NAN, 0.9, 0.9), ["identity >= 0.6"], math.inf),
    ],
)
def test_constraints(level: tuple[float, float, float], unmet: list[str], shortfall: float) -> None:
    utility = utility_for(Choosing(constraints=("identity >= 0.6", "style <= 1.1")), None)
    card = flat_card("c", *level)
    assert [str(limit) for limit in utility.unmet(card)] == unmet
    assert utility.shortfall(card) == pytest.approx(shortfall)


def test_what_a_card_does_not_have_is_not_met() -> None:
    asked = utility_for(Choosing(constraints=("diversity >= 0.5",)), None)
    assert asked.shortfall(flat_card("c", 0.8, 0.8, 0.8)) == math.inf


def test_what_the_base_s_card_does_not_have_is_not_asked() -> None:
    utility = utility_for(Choosing(constraints=("faces >= 0.5", "prior >= 0.5")), flat_card(BASE, 0.0, 1.0, 1.0))
    assert utility.unmeasurable == (Metric.FACES,)
    assert [str(limit) for limit in utility.constraints] == ["prior >= 0.5"]


def test_the_utility_of_a_run_is_its_files_less_what_its_base_model_cannot_give(tmp_path: Path) -> None:
    record = make_record(tmp_path)
    record.experiment["choose"] = Choosing(enough_prior=0.6).model_dump(mode="json")
    record = record.model_copy(update={"scorecards": {BASE: flat_card(BASE, 0.0, NAN, 1.0)}})
    assert (list(utility_of(record).weights), utility_of(record).enough_prior) == ([Metric.IDENTITY, Metric.PRIOR], 0.6)
    del record.experiment["choose"]  # a run from before there was such a section
    assert utility_of(record) == utility_for(Choosing(), record.scorecards[BASE])


@pytest.mark.parametrize(
    ("section", "formula"),
    [
        (
            Choosing(enough_prior=0.5),
            "harmonic mean of identity, style times identity (0.5 of style is enough) and prior (0.5 is enough)",
        ),
        (Choosing(), "harmonic mean of identity, style times identity (0.5 of style is enough) and prior"),
        (Choosing(enough_style=1.0), "harmonic mean of identity, style times identity and prior"),
        (
            Choosing(weights=Weights(style=0.5)),
            "harmonic mean of identity, style times identity (weight 0.5, 0.5 of style is enough) and prior",
        ),
        (Choosing(weights=Weights(identity=0)), "harmonic mean of style (0.5 is enough) and prior"),
        (Choosing(weights=Weights(identity=0, prior=0)), "style (0.5 is enough)"),
        (Choosing(weights=Weights(style=0, prior=0)), "identity"),
        (Choosing(weights=Weights(identity=2, style=0, prior=0)), "identity"),
    ],
)
def test_the_formula_in_words(section: Choosing, formula: str) -> None:
    assert utility_for(section, None).formula == formula


@pytest.mark.parametrize("metric", [Metric.IDENTITY, Metric.STYLE, Metric.PRIOR])
def test_what_is_needed_gives_the_value(metric: Metric) -> None:
    utility = utility_for(Choosing(weights=Weights(identity=2), enough_style=0.7, enough_prior=0.5), None)
    scores = {Metric.IDENTITY: 0.6, Metric.STYLE: 0.5, Metric.PRIOR: 0.3}
    level = utility.needed(metric, scores, 0.56)
    assert utility.value(scores) < 0.56
    assert utility.value({**scores, metric: level}) == pytest.approx(0.56)
    assert utility.needed(metric, scores, 0.99) == math.inf
    assert utility.needed(metric, scores, 0.0) == math.inf
    assert utility.needed(metric, {**scores, Metric.IDENTITY: 0.0, Metric.PRIOR: 0.0}, 0.1) == math.inf


def test_of_what_weighs_next_to_nothing_any_score_will_do() -> None:
    utility = utility_for(Choosing(weights=Weights(prior=1e-20), enough_prior=0.5), None)
    scores = {Metric.IDENTITY: 0.6, Metric.STYLE: 0.5, Metric.PRIOR: 0.3}
    assert utility.needed(Metric.PRIOR, scores, utility.value(scores)) == 0.5


def test_a_weight_is_multiplied() -> None:
    utility = utility_for(Choosing(weights=Weights(identity=2.0)), None)
    assert list(utility.reweighted(Metric.IDENTITY, 4.0).weights.values()) == [8.0, 1.0, 1.0]


def test_nothing_measurable_is_worth_nothing() -> None:
    assert Utility(weights={}).value({Metric.IDENTITY: 1.0}) == 0.0


def test_values_of_arrays_are_those_of_their_elements() -> None:
    utility = utility_for(Choosing(weights=Weights(identity=2), enough_style=0.5), None)
    levels = [(0.8, 0.2, 0.9), (1.2, 0.6, 0.1), (0.3, 0.5, 2.0)]
    columns = zip(*levels, strict=True)
    arrays = {
        m: np.array(column) for m, column in zip((Metric.IDENTITY, Metric.STYLE, Metric.PRIOR), columns, strict=True)
    }
    assert utility.values(arrays) == pytest.approx([utility.value_of(flat_card("c", *level)) for level in levels])
    nothing = {metric: np.array([-1.0]) for metric in arrays}
    assert utility.values(nothing) == pytest.approx([0.0], abs=1e-8)
