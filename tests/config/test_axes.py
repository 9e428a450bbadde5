"""Axes of grids: values of the axis' own type."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from dbsweep.config.fields import SamplerName
from tests.config.conftest import Faults, Load

SAMPLER = "must be " + ", ".join(map(repr, get_args(SamplerName)[:-1])) + " or 'UniPC', got "
WORD = "`word` is needed for axis prompt_weight and for no other"
INTO = "`into` is needed for axis merge_ratio and for no other"
KINDS = (
    "must be 'guidance_scale', 'prompt_weight', 'num_inference_steps', 'sampler', 'seed', 'words', 'checkpoint' or "
    "'merge_ratio', "
)
SEED = "{axis: seed, values: [1]}"
NAMES = "must be 'base', 'before', 'best', 'after', 'last', 'runner_up' or a whole number from 1 on, got "
NOT_TEXT = "must be text (numbers, dates and yes/no need quotes to be text), got"


@pytest.mark.parametrize(
    ("grid", "path", "message"),
    [
        ("x: {axis: guidance_scale, values: [0.5, 5]}", "grids[0].x.values[0]", "must be at least 1, got 0.5"),
        ("x: {axis: guidance_scale, values: [a]}", "grids[0].x.values[0]", "must be a number, got 'a'"),
        ("x: {axis: num_inference_steps, values: [1001]}", "grids[0].x.values[0]", "must be at most 1000, got 1001"),
        ("x: {axis: num_inference_steps, values: [2.5]}", "grids[0].x.values[0]", "must be a whole number, got 2.5"),
        ("x: {axis: sampler, values: [3]}", "grids[0].x.values[0]", SAMPLER + "3"),
        ("x: {axis: seed, values: []}", "grids[0].x.values", "needs at least 1, got none"),
        ("x: {axis: seed, values: 3}", "grids[0].x.values", "must be a list, got 3"),
        ("x: {axis: sead, values: [3]}", "grids[0].x.axis", KINDS + "got 'sead'; did you mean `seed`?"),
        ("x: {axis: seed, values: [1], word: a}", "grids[0].x", WORD),
        ("x: {axis: prompt_weight, values: [1]}", "grids[0].x", WORD),
        ("x: {axis: merge_ratio, values: [1]}", "grids[0].x", INTO),
        ("x: {axis: seed, values: [1], into: minisd}", "grids[0].x", INTO),
        (
            "x: {axis: merge_ratio, into: minisd, values: [1, yes]}",
            "grids[0].x.values[1]",
            "must be a number, got true",
        ),
        (
            "x: {axis: merge_ratio, into: minisd, values: [.inf]}",
            "grids[0].x.values[0]",
            "must be a finite number, got inf",
        ),
        ("y: {axis: seed, values: [1]}", "grids[0].x", "is missing"),
        ("x: {axis: checkpoint, values: [first]}", "grids[0].x.values[0]", NAMES + "'first'"),
        ("x: {axis: checkpoint, values: [best, 0]}", "grids[0].x.values[1]", NAMES + "0"),
        ("x: {axis: checkpoint, values: [true]}", "grids[0].x.values[0]", NAMES + "true"),
        ("x: {axis: words, values: [man, 3]}", "grids[0].x.values[1]", f"{NOT_TEXT} 3"),
        (
            "x: {axis: words, values: ['', man]}",
            "grids[0].x.values[0]",
            "must not be empty, for it is what the others take the place of",
        ),
    ],
)
def test_wrong_axes(faults: Faults, grid: str, path: str, message: str):
    found = faults(f"grids: [{{prompt: photo of ohwx man, {grid}}}]")
    assert found == {path: f"{message} (line 10)"}


@pytest.mark.parametrize(
    ("lengths", "epoch", "message"),
    [
        ("train: {epochs: 30}", 40, "must be within the longest trial, of 30 epochs, got 40"),
        (
            "train: {epochs: 30}",
            15,
            "must be a multiple of evaluate.every_epochs (10) or the last epoch of a trial, got 15",
        ),
        ("search: {epochs: [25, 60]}", 70, "must be within the longest trial, of 60 epochs, got 70"),
        ("train: {epochs: 30}", 20, None),
        ("search: {epochs: [25, 60]}", 25, None),  # the end of a trial
        ("search: {epochs: {uniform: [20, 60]}}", 33, None),  # it may be
        ("search: {epochs: {uniform: [20, 60]}}", 61, "must be within the longest trial, of 60 epochs, got 61"),
        ("train: {steps: 300}", 15, None),  # epochs are not known yet
    ],
)
def test_epochs_of_a_grid_can_have_a_checkpoint(
    faults: Faults, load: Load, lengths: str, epoch: int, message: str | None
):
    axes = f"x: {{axis: seed, values: [1]}}, z: {{axis: checkpoint, values: [best, {epoch}]}}"
    grids = f"{lengths}\ngrids: [{{prompt: p, {axes}}}]"
    if message is None:
        assert load(grids).grids[0].axes[1].values == ("best", epoch)
    else:
        assert faults(grids) == {"grids[0].z.values[1]": f"{message} (line 11)"}


def test_custom_models_are_named_as_base_models_are(load: Load, tmp_path: Path):
    names = ["custom.safetensors", "./here", "minisd", "owner/name", "./here"]
    axes = [f"{{axis: merge_ratio, into: {name}, values: [0, -0.5, 2]}}" for name in names]
    experiment = load("grids: [" + ", ".join(f"{{prompt: p, z: {axis}, x: {SEED}}}" for axis in axes) + "]")
    assert [repr(value) for value in experiment.grids[0].axes[1].values] == ["0.0", "-0.5", "2.0"]
    here = str(tmp_path / "here")
    assert experiment.custom_models == (str(tmp_path / "custom.safetensors"), here, "minisd", "owner/name")


def test_grid_values_get_the_type_of_their_axis(load: Load):
    grid = load(
        "grids: [{prompt: p, x: {axis: guidance_scale, values: [3, 5e0]}, y: {axis: seed, values: [1]}}]"
    ).grids[0]
    assert [repr(value) for axis in grid.axes for value in axis.values] == ["3.0", "5.0", "1"]
