"""The oracle knows portraits that it never saw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.oracle import guesses, identity_score, style_probability
from dbsweep.minisd.attributes import Scene
from dbsweep.minisd.render import render
from dbsweep.minisd.scene import draw_scene
from dbsweep.minisd.subject import draw_subject
from dbsweep.minisd.world import draw_samples, render_samples

SAMPLES = draw_samples(606, 160)


@pytest.fixture(scope="module")
def seen() -> dict[str, list[str]]:
    return guesses(render_samples(SAMPLES))


@pytest.mark.parametrize(
    ("head", "share"), [("style", 0.97), ("klass", 0.97), ("glasses", 0.9), ("beard", 0.9), ("hair_style", 0.85)]
)
def test_most_attributes_are_recognised(seen: dict[str, list[str]], head: str, share: float):
    truth = [sample.style if head == "style" else getattr(sample.subject, head) for sample in SAMPLES]
    assert np.mean([a == b for a, b in zip(seen[head], truth, strict=True)]) >= share


def scenes(count: int) -> list[Scene]:
    return [draw_scene(np.random.default_rng([9, index])) for index in range(count)]


def test_a_subject_scores_far_above_another(seen: dict[str, list[str]]):
    subject = draw_subject(17, "man")
    other = replace(subject, hair_colour="blue", hair_style="curly", skin="dark", glasses="round", face_shape="long")
    own = identity_score([render(subject, scene, "photo") for scene in scenes(8)], subject)
    foreign = identity_score([render(other, scene, "photo") for scene in scenes(8)], subject)
    assert own.mean() > 0.8 > own.mean() - 0.25 > foreign.mean()


def test_the_style_of_a_picture_is_told_by_its_probability():
    pictures = [render(draw_subject(3), scene, "ink poster") for scene in scenes(6)]
    assert style_probability(pictures, "ink poster").min() > 0.8 > 0.1 > style_probability(pictures, "photo").max()
