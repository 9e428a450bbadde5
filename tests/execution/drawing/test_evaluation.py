"""The pictures of a checkpoint are drawn as the experiment's `evaluate` says, and tell so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dbsweep.execution.drawing import evaluation
from dbsweep.execution.drawing.evaluation import draw_evaluation, images_by_prompt, prompts_to_draw
from dbsweep.execution.folder import RunFolder
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.loading import load_base
from dbsweep.records.names import PromptKind
from dbsweep.sampling.infotext import read
from dbsweep.sampling.request import ImageRequest
from dbsweep.sampling.sampler import draw
from dbsweep.scoring.encoders import Pixels
from tests.execution.sweeps import make_experiment

LOOK = {
    "negative_prompt": "red hair",
    "images_per_prompt": 2,
    "seed": 7,
    "guidance_scale": 4.5,
    "num_inference_steps": 3,
    "sampler": "Euler a",
}


def test_prompt_negative_count_seed_and_scale_are_those_of_the_file(tiny_sd: Path, tmp_path: Path) -> None:
    run, models = RunFolder(tmp_path), load_base(str(tiny_sd))
    experiment = make_experiment(evaluate=LOOK)
    drawn = draw_evaluation(models, experiment, run, tmp_path / "images", model_hash="0123456789")
    assert [(sample.kind, sample.seed) for sample in drawn.samples] == [
        (kind, seed) for kind in (PromptKind.INSTANCE, PromptKind.SANITY, PromptKind.CLASS) for seed in (7, 8)
    ]
    told = read(tmp_path / drawn.samples[3].path)
    assert told.model_hash == "0123456789"
    assert told.request == ImageRequest(
        prompt="photo of ohwx man, ink poster style",
        negative_prompt="red hair",
        seed=8,
        guidance_scale=4.5,
        num_inference_steps=3,
        sampler="Euler a",
        width=64,
        height=64,
    )
    without = make_experiment(evaluate={**LOOK, "negative_prompt": ""})
    other = draw_evaluation(models, without, run, tmp_path / "other", model_hash="0123456789")
    assert not np.array_equal(drawn.images[3], other.images[3])


@pytest.mark.parametrize(("base", "images"), [(False, 3 * 2), (True, 2 * 2)])
def test_all_prompts_are_drawn_at_once_and_equal_ones_once(
    tiny_sd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: bool, images: int
) -> None:
    """For the base model instance and class prompt are the same."""
    asked: list[int] = []

    def counted(models: StableDiffusion, requests: Sequence[ImageRequest], **how: Any) -> list[Pixels]:
        asked.append(len(requests))
        return draw(models, requests, **how)

    monkeypatch.setattr(evaluation, "draw", counted)
    models, run = load_base(str(tiny_sd)), RunFolder(tmp_path)
    drawn = draw_evaluation(models, make_experiment(evaluate=LOOK), run, tmp_path / "images", model_hash="", base=base)
    assert asked == [images]
    assert len(drawn.images) == 3 * 2


def test_some_prompts_alone_are_drawn_under_names_of_their_own(tiny_sd: Path, tmp_path: Path) -> None:
    experiment = make_experiment(evaluate=LOOK)
    (instance, *_) = prompts_to_draw(experiment)
    drawn = draw_evaluation(
        load_base(str(tiny_sd)),
        experiment,
        RunFolder(tmp_path),
        tmp_path / "images",
        model_hash="",
        seeds=(1, 2, 3),
        prompts=[instance],
        prefix="token-",
    )
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == [
        f"token-{place:03d}-{place + 1}.png" for place in range(3)
    ]
    assert {prompt: len(images) for prompt, images in images_by_prompt(drawn).items()} == {"photo of ohwx man": 3}
