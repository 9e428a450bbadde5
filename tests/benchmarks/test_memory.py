"""The forecast of memory against what autograd saves, and against the optimizers' own state."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.memory import FAMILIES, counted, counted_picture, modelled
from dbsweep.plan.memory.drawing import picture_bytes

RECORDED = Path(__file__).parents[2] / "benchmarks" / "results" / "memory.json"


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "half"])
def test_the_model_has_what_minisd_keeps(half: bool):
    (image, prompt), (modelled_image, modelled_prompt) = counted("minisd", half=half), modelled("minisd", half=half)
    assert modelled_image == pytest.approx(image, rel=0.15)
    assert modelled_prompt == pytest.approx(prompt, rel=0.15)


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "half"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_recorded_forecast_is_still_the_models_and_near_the_count(family: str, half: bool):
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))[f"{family} {'half' if half else 'fp32'}"]
    assert modelled(family, half=half) == (recorded["modelled_image"], recorded["modelled_prompt"])
    assert recorded["modelled_image"] == pytest.approx(recorded["counted_image"], rel=0.07)
    assert recorded["modelled_prompt"] == pytest.approx(recorded["counted_prompt"], rel=0.07)


def test_the_model_has_what_drawing_a_picture_takes():
    size, resolution, _, _ = FAMILIES["minisd"]
    assert picture_bytes(size, resolution) == pytest.approx(counted_picture("minisd"), rel=0.01)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_recorded_forecast_of_a_picture_is_still_the_models_and_near_the_count(family: str):
    recorded, (size, resolution, _, _) = (
        json.loads(RECORDED.read_text(encoding="utf-8"))[f"{family} fp32"],
        FAMILIES[family],
    )
    assert picture_bytes(size, resolution) == recorded["modelled_picture"]
    assert recorded["modelled_picture"] == pytest.approx(recorded["counted_picture"], rel=0.01)
