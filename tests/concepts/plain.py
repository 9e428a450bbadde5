"""Concepts without anything special."""

from __future__ import annotations

from pathlib import Path

from dbsweep.config.concept import Concept


def plain_concept(folder: Path, **changes: object) -> Concept:
    """A man called ohwx, whose photos lie in a folder."""
    given: dict[str, object] = {
        "instance_images": folder,
        "instance_token": "ohwx",
        "class_token": "man",
        "instance_prompt": "photo of ohwx man",
        "class_prompt": "photo of man",
        "sanity_prompts": ["photo of ohwx man, ink"],
        **changes,
    }
    return Concept.model_validate(given)


def captioned(folder: Path, *captions: str, **changes: object) -> Concept:
    """A concept of captions, whose photos 0.png, 1.png, … have these."""
    for index, caption in enumerate(captions):
        (folder / f"{index}.png").touch()
        (folder / f"{index}.txt").write_text(caption, encoding="utf-8")
    return plain_concept(folder, **{"instance_prompt": "[filewords]", "class_prompt": "[filewords]", **changes})
