"""Renders: every class in every style, the same pixels every time."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from dbsweep.minisd.attributes import (
    BEARDS,
    CLASSES,
    HAIR_STYLES,
    ROBOT_TOPS,
    SHIRTS,
    STYLES,
    SUBJECT_VALUES,
    Klass,
    Style,
    Subject,
)
from dbsweep.minisd.render import render
from dbsweep.minisd.scene import draw_scene
from dbsweep.minisd.subject import draw_subject, random_subject
from dbsweep.minisd.world import draw_samples, render_samples

DIGEST = """
import hashlib
from dbsweep.minisd.world import draw_samples, render_samples
print(hashlib.sha256(render_samples(draw_samples(3, 24)).tobytes()).hexdigest())
"""


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("klass", CLASSES)
def test_every_class_renders_in_every_style(klass: Klass, style: Style):
    image = render(draw_subject(5, klass), draw_scene(np.random.default_rng(5)), style)
    assert (image.size, image.mode) == ((64, 64), "RGB")
    assert np.asarray(image).std() > 15, "a portrait has contrast"


def test_renders_are_the_same_in_another_process():
    here = hashlib.sha256(render_samples(draw_samples(3, 24)).tobytes()).hexdigest()
    there = subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here


PERSON = Subject("man", "tan", "red", "short", "none", "none", "oval", "soft", "blue", "button", "smile", "none")
ROBOT = Subject("robot", "mint", "red", "lamp", "none", "none", "oval", "soft", "blue", "button", "smile", "none")


@pytest.mark.parametrize("name", [name for name in SUBJECT_VALUES if name != "klass"])
@pytest.mark.parametrize("base", [PERSON, ROBOT], ids=["person", "robot"])
def test_every_value_of_an_attribute_looks_different(base: Subject, name: str):
    others = {"person": ROBOT_TOPS, "robot": (*HAIR_STYLES, *BEARDS[1:])}["robot" if base is ROBOT else "person"]
    values = [value for value in SUBJECT_VALUES[name] if value not in others]
    scene = draw_scene(np.random.default_rng(1))
    pictures = {render(Subject(**{**vars(base), name: value}), scene, "photo").tobytes() for value in values}
    assert len(pictures) == len(values)


def test_scenes_move_the_head_and_change_the_clothes():
    scenes = [draw_scene(np.random.default_rng(seed)) for seed in range(200)]
    assert {scene.shirt for scene in scenes} == set(SHIRTS)
    assert max(scene.zoom for scene in scenes) > 1.1 > 0.9 > min(scene.zoom for scene in scenes)
    assert all(scene.shirt_colour != scene.background for scene in scenes)


def test_men_have_beards_and_women_do_not():
    drawn = [random_subject(np.random.default_rng(seed)) for seed in range(300)]
    assert {subject.beard for subject in drawn if subject.klass == "woman"} == {"none"}
    assert {subject.beard for subject in drawn if subject.klass == "man"} == {"none", "moustache", "goatee", "full"}
