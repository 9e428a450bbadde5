"""Experiments to plan, made in code."""

from __future__ import annotations

from typing import Any

from dbsweep.config.schema import Experiment

CONCEPT = {
    "instance_images": "photos",
    "instance_token": "ohwx",
    "class_token": "man",
    "instance_prompt": "photo of ohwx man",
    "class_prompt": "photo of man",
    "sanity_prompts": ["photo of ohwx man, neon style"],
}


def experiment(**changes: Any) -> Experiment:
    """A small experiment on MiniSD with the given sections."""
    values = {"name": "small", "base_model": "minisd", "concepts": [CONCEPT], **changes}
    return Experiment.model_validate(values)
