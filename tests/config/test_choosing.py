"""The sections `choose` and `verdict`: the grammar of constraints, weights, thresholds, and their faults."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsweep.config.choosing import Constraint, parse_constraint
from dbsweep.config.loading import dump_experiment, load_experiment
from dbsweep.errors import ConfigError
from dbsweep.records.names import Metric
from tests.sweep.files import write_experiment


@pytest.mark.parametrize(
    ("text", "constraint"),
    [
        ("identity >= 0.6", Constraint(Metric.IDENTITY, True, 0.6)),
        ("  prior<=1e-1 ", Constraint(Metric.PRIOR, False, 0.1)),
        ("prompt_fidelity >= -0.25", Constraint(Metric.PROMPT_FIDELITY, True, -0.25)),
    ],
)
def test_constraints_are_read(text: str, constraint: Constraint) -> None:
    assert parse_constraint(text) == constraint


@given(st.sampled_from(list(Metric)), st.booleans(), st.integers(-1000, 1000))
def test_what_is_written_is_read_back(metric: Metric, at_least: bool, thousandths: int) -> None:
    constraint = Constraint(metric, at_least, thousandths / 1000)
    assert parse_constraint(str(constraint)) == constraint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("identity", r"must be of the form `identity >= 0\.6`, got 'identity'"),
        ("identity >= 0.6 and style >= 0.5", "must be of the form"),
        ("0.6 <= identity", "must be of the form"),
        ("identiti >= 0.6", "there is no metric 'identiti'; did you mean `identity`"),
        ("identity > 0.6", "must compare with >= or <=, got '>'"),
        ("identity == 0.6", "must compare with >= or <=, got '=='"),
        ("identity >= high", "must compare with a number, got 'high'"),
        ("identity >= nan", "must compare with a number, got 'nan'"),
    ],
)
def test_other_texts_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_constraint(text)


def test_faces_are_counted_by_an_encoder_of_faces_alone(tmp_path: Path) -> None:
    file, limit = write_experiment(tmp_path), "choose.constraints=[faces >= 0.75]"
    with pytest.raises(ConfigError, match=r"choose\.constraints\[0\].*faces needs an encoder of faces: set evaluate"):
        load_experiment(file, [limit])
    eyes = "evaluate.identity={face_detector: yunet.onnx, face_recognizer: sface.onnx}"
    assert load_experiment(file, [limit, eyes]).choose.constraints == ("faces >= 0.75",)


def test_what_only_held_out_photos_can_tell_needs_some(tmp_path: Path) -> None:
    file, limit = write_experiment(tmp_path), "choose.constraints=[memorisation <= 0.05]"
    with pytest.raises(ConfigError, match="memorisation needs photos that are not trained: set validation_photos"):
        load_experiment(file, [limit])
    experiment = load_experiment(file, [limit, "concepts.0.validation_photos=1"])
    assert experiment.choose.limits == (Constraint(Metric.MEMORISATION, False, 0.05),)


def test_shortfall_has_a_direction() -> None:
    assert Constraint(Metric.STYLE, True, 0.5).shortfall(0.4) == pytest.approx(0.1)
    assert Constraint(Metric.STYLE, False, 0.5).shortfall(0.4) == 0.0
    assert Constraint(Metric.STYLE, False, 0.5).shortfall(math.nan) == math.inf


def test_all_faults_are_listed_with_their_place(tmp_path: Path) -> None:
    file = write_experiment(tmp_path)
    sets = (
        "choose.constraints=['identity >= 0.6', 'styl >= 0.5', 'prior ~ 1']",
        "choose.weights.identity=-1",
        "verdict.drop=0",
        "verdict.redy_identity=0.5",
    )
    with pytest.raises(ConfigError) as caught:
        load_experiment(file, sets)
    text = str(caught.value)
    for place in ("choose.constraints[1]", "choose.constraints[2]", "choose.weights.identity", "verdict.drop"):
        assert place in text
    assert "did you mean `ready_identity`" in text
    assert "choose.constraints[0]" not in text


def test_weights_that_are_all_0_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs at least one weight above 0"):
        load_experiment(write_experiment(tmp_path), ["choose.weights={identity: 0, style: 0, prior: 0}"])


def test_the_sections_are_written_and_read_back(tmp_path: Path) -> None:
    sets = ["choose={weights: {identity: 2}, constraints: ['identity>=.6']}", "verdict={ready_identity: 0.7}"]
    first = load_experiment(write_experiment(tmp_path), sets)
    again = tmp_path / "again.yaml"
    again.write_text(dump_experiment(first), encoding="utf-8")
    second = load_experiment(again)
    assert second.choose == first.choose
    assert second.choose.constraints == ("identity >= 0.6",)
    assert second.verdict.ready_identity == 0.7
