"""Grids: their axes fit together and with the prompt."""

from __future__ import annotations

import pytest

from dbsweep.config.axes import AxisKind
from tests.config.conftest import Faults, Load

WORDS = "which the others replace, must stand in the prompt or the negative prompt, got"


@pytest.mark.parametrize(
    ("grid", "path", "message"),
    [
        (
            "x: {axis: merge_ratio, into: minisd, values: [1]}, z: {axis: checkpoint, values: [best, base]}",
            "grids[0].z.values[1]",
            "has learned nothing to merge, got 'base': the custom model alone is merge_ratio 0",
        ),
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
        ("x: {axis: words, values: [elf, man]}", "grids[0].x.values[0]", f"'elf', {WORDS} 'photo of ohwx man'"),
        (
            "negative_prompt: blurry, x: {axis: seed, values: [1]}, y: {axis: words, values: [elf]}",
            "grids[0].y.values[0]",
            f"'elf', {WORDS} 'photo of ohwx man' with negative prompt 'blurry'",
        ),
        (
            "x: {axis: prompt_weight, values: [1], word: ohwx man}, z: {axis: words, values: [of ohwx, of an elf-]}",
            "grids[0].z.values[1]",
            "leaves nothing to weight for 'ohwx man' of axis prompt_weight, got 'of an elf-', with which the prompt is "
            "'photo of an elf- man'",
        ),
        (
            "x: {axis: prompt_weight, values: [1], word: ohwx man}, y: {axis: words, values: [ohwx man, '']}",
            "grids[0].y.values[1]",
            "leaves nothing to weight for 'ohwx man' of axis prompt_weight, got '', with which the prompt is "
            "'photo of '",
        ),
    ],
)
def test_axes_that_do_not_fit_together(faults: Faults, grid: str, path: str, message: str):
    found = faults(f"grids: [{{prompt: photo of ohwx man, {grid}}}]")
    assert found == {path: f"{message} (line 10)"}


def test_all_faults_of_a_grid_are_told_at_once(faults: Faults):
    axes = "x: {axis: words, values: [elf]}, y: {axis: prompt_weight, word: dwarf, values: [1]}"
    assert set(faults(f"grids: [{{prompt: photo of ohwx man, {axes}}}]")) == {"grids[0]", "grids[0].x.values[0]"}


def test_words_may_stand_in_the_negative_prompt_alone_and_may_be_taken_out(load: Load):
    grid = load("grids: [{prompt: p, negative_prompt: 'blurry, 3', x: {axis: words, values: ['3', '3.0', '']}}]").grids[
        0
    ]
    assert grid.x.values == ("3", "3.0", "")


AXES = "x: {axis: words, values: [man, elf]}, z: {axis: merge_ratio, into: minisd, values: [1]}"


def test_axes_are_found_by_what_they_vary(load: Load):
    (grid,) = load(f"grids: [{{prompt: photo of man, {AXES}}}]").grids
    assert grid.axis(AxisKind.WORDS) == grid.x
    assert (grid.axis(AxisKind.SEED), list(grid.named_axes)) == (None, ["x", "z"])


def test_words_take_the_place_of_the_first_wherever_they_stand(load: Load):
    (grid,) = load(f"grids: [{{prompt: photo of man, {AXES}}}]").grids
    assert grid.worded("photo of man, a man", "elf") == "photo of elf, a elf"
    assert grid.worded("photo of man", None) == "photo of man"
    (plain,) = load("grids: [{prompt: photo of man, x: {axis: seed, values: [1]}}]").grids
    assert plain.worded("photo of man", "elf") == "photo of man"


def test_models_that_it_merges_into_may_be_named_otherwise(load: Load):
    (grid,) = load(f"grids: [{{prompt: photo of man, {AXES}}}]").grids
    named = grid.with_custom_models(str.upper)
    assert named.z is not None
    assert (named.x, named.z.into) == (grid.x, "MINISD")
