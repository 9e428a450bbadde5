"""Axes of grids: values of the axis' own type."""

from __future__ import annotations

from typing import get_args

import pytest

from dbsweep.config.fields import SamplerName
from tests.config.conftest import Faults, Load

SAMPLER = "must be " + ", ".join(map(repr, get_args(SamplerName)[:-1])) + " or 'UniPC', got "
WORD = "`word` is needed for axis prompt_weight and for no other"
KINDS = "must be 'guidance_scale', 'prompt_weight', 'num_inference_steps', 'sampler' or 'seed', "


@pytest.mark.parametrize(
    ("grid", "path", "message"),
    [
        ("x: {axis: guidance_scale, values: [0.5, 5]}", "grids[0].x.values[0]", "must be at least 1, got 0.5"),
        ("x: {axis: guidance_scale, values: [a]}", "grids[0].x.values[0]", "must be a number, got 'a'"),
        ("x: {axis: num_inference_steps, values: [2.5]}", "grids[0].x.values[0]", "must be a whole number, got 2.5"),
        ("x: {axis: sampler, values: [3]}", "grids[0].x.values[0]", SAMPLER + "3"),
        ("x: {axis: seed, values: []}", "grids[0].x.values", "needs at least 1, got none"),
        ("x: {axis: seed, values: 3}", "grids[0].x.values", "must be a list, got 3"),
        ("x: {axis: sead, values: [3]}", "grids[0].x.axis", KINDS + "got 'sead'; did you mean `seed`?"),
        ("x: {axis: seed, values: [1], word: a}", "grids[0].x", WORD),
        ("x: {axis: prompt_weight, values: [1]}", "grids[0].x", WORD),
        (
            "x: {axis: prompt_weight, values: [1], word: ohw}",
            "grids[0]",
            "the prompt must contain the word 'ohw' of its axis, got 'photo of ohwx man'",
        ),
        (
            "x: {axis: seed, values: [1]}, z: {axis: seed, values: [1]}",
            "grids[0]",
            "every axis must vary something else, got seed, seed",
        ),
        ("x: {axis: seed, values: [1, 2]}, seeds: [1, 2]", "grids[0]", "has a seed axis, so `seeds` must be left out"),
        ("y: {axis: seed, values: [1]}", "grids[0].x", "is missing"),
    ],
)
def test_wrong_grids(faults: Faults, grid: str, path: str, message: str):
    found = faults(f"grids: [{{prompt: photo of ohwx man, {grid}}}]")
    assert found == {path: f"{message} (line 10)"}


def test_grid_values_get_the_type_of_their_axis(load: Load):
    grid = load(
        "grids: [{prompt: p, x: {axis: guidance_scale, values: [3, 5e0]}, y: {axis: seed, values: [1]}}]"
    ).grids[0]
    assert [repr(value) for axis in grid.axes for value in axis.values] == ["3.0", "5.0", "1"]
