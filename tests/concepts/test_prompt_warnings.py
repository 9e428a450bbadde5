"""Prompts are told of that lack the class word, have weights, or name another subject."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.concepts.prompt_warnings import named_elsewhere, prompt_warnings
from tests.concepts.plain import plain_concept


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"class_prompt": "picture of a MAN"}, []),
        ({"instance_prompt": "[filewords], ohwx", "class_prompt": "[filewords]"}, []),
        ({"instance_prompt": r"ohwx man \(the series\)"}, []),
        (
            {"instance_prompt": "photo of ohwx"},
            ["instance_prompt 'photo of ohwx' is without the class word 'man', by which the subject keeps"],
        ),
        ({"class_prompt": "photo of person"}, ["class_prompt 'photo of person' is without the class word 'man'"]),
        (
            {"instance_prompt": "(ohwx man:1.3)", "class_prompt": "[man]"},
            [
                "instance_prompt '(ohwx man:1.3)' has brackets, which are text in training and weights in drawing:"
                " leave them out, or draw with them by sample_prompt",
                "class_prompt '[man]' has brackets, which are text in training and weights in drawing: leave them out",
            ],
        ),
    ],
    ids=str,
)
def test_prompts_of_a_concept(tmp_path: Path, changes: dict[str, object], told: list[str]) -> None:
    warnings = list(prompt_warnings(plain_concept(tmp_path, **changes)))
    assert len(warnings) == len(told)
    assert all(warning.startswith(start) for warning, start in zip(warnings, told, strict=True))


def test_a_subject_in_the_prompt_of_another(tmp_path: Path) -> None:
    first = plain_concept(tmp_path)
    prompts = {"sanity_prompts": ["photo of zwx man, ink"], "instance_token": "zwx"}
    apart = plain_concept(tmp_path, instance_prompt="photo of zwx man", **prompts)
    both = plain_concept(tmp_path, instance_prompt="photo of zwx man with ohwx man", **prompts)
    assert list(named_elsewhere([first, apart])) == []
    (told,) = named_elsewhere([first, both])
    assert told.startswith("zwx: instance_prompt names ohwx too, which will mean what is on these photos as well")
