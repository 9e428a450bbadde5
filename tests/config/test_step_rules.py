"""Rules of learning rates that change at steps."""

from __future__ import annotations

import pytest
from diffusers.optimization import get_piecewise_constant_schedule
from hypothesis import given
from hypothesis import strategies as st
from torch import nn, optim

from dbsweep.config.step_rules import step_rules
from tests.config.conftest import Faults


@pytest.mark.parametrize(
    ("text", "step", "factor", "until"),
    [
        ("1", 0, 1.0, None),
        ("1:400,0.1", 399, 1.0, 400),
        ("1:400,0.1", 400, 0.1, None),
        ("1:3,1:5,0.5", 0, 1.0, 5),  # nothing changes at 3
        ("1:3,0.5:5,0.5", 3, 0.5, None),
        ("0:2,1", 1, 0.0, 2),
    ],
)
def test_a_span_ends_where_the_rate_changes(text: str, step: int, factor: float, until: int | None) -> None:
    assert step_rules(text).span_at(step) == (factor, until)


@given(
    spans=st.dictionaries(st.integers(1, 30), st.sampled_from([0.1, 0.5, 1.0, 2.0]), max_size=4),
    last=st.sampled_from([0.1, 1.0]),
)
def test_factors_are_diffusers(spans: dict[int, float], last: float) -> None:
    text = ",".join([*(f"{spans[end]}:{end}" for end in sorted(spans)), str(last)])
    schedule = get_piecewise_constant_schedule(optim.SGD([nn.Parameter()], lr=1.0), text)
    assert [step_rules(text).span_at(step)[0] for step in range(33)] == [schedule.lr_lambdas[0](s) for s in range(33)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("'1:400'", "must be like '1:400,0.1'"),
        ("'1:four,0.1'", "must be like '1:400,0.1'"),
        ("''", "must be like '1:400,0.1'"),
        ("'1:400,0.5:200,0.1'", "needs steps that rise from above 0"),
        ("'1:0,0.1'", "needs steps that rise from above 0"),
        ("'1:400,-1'", "needs factors of 0 or more"),
        ("'nan:400,1'", "needs factors of 0 or more"),
    ],
)
def test_what_is_no_rule_is_a_fault(faults: Faults, text: str, message: str) -> None:
    found = faults(f"train:\n  lr_step_rules: {text}\n")
    assert message in found["train.lr_step_rules"]
    found = faults(f"search:\n  lr_step_rules: ['1', {text}]\n")
    assert message in found["search.lr_step_rules[1]"]
