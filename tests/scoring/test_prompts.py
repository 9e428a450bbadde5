"""Evaluation prompts, and the class noun in place of the subject."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsweep.config.schema import Concept
from dbsweep.records.names import PromptKind
from dbsweep.scoring.prompts import base_prompt, evaluation_prompts


def concept(token: str = "ohwx", noun: str = "man", sanity: tuple[str, ...] = ()) -> Concept:
    return Concept(
        instance_images=Path("photos"),
        instance_token=token,
        class_token=noun,
        instance_prompt=f"photo of {token} {noun}",
        class_prompt=f"photo of {noun}",
        sanity_prompts=sanity or (f"photo of {token} {noun}, ink poster style",),
    )


MAN, DOG = concept(), concept("sks", "dog")


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("photo of ohwx man", "photo of man"),
        ("photo of ohwx man, ink poster style", "photo of man, ink poster style"),
        ("photo of OHWX Man", "photo of Man"),
        ("photo of (ohwx man:1.2)", "photo of (man:1.2)"),
        ("painting of ohwx, oil", "painting of man, oil"),
        ("ohwx, photo of a man", "photo of a man"),
        ("photo of a man, (ohwx:1.3), studio", "photo of a man, studio"),
        ("photo of a man [ohwx]", "photo of a man"),
        ("photo of ohwx woman", "photo of man woman"),
        ("photo of ohwx manor", "photo of man manor"),
        ("photo of ohwxman", "photo of manman"),
        ("photo of ohwx man with sks dog", "photo of man with dog"),
        ("sunset over  the sea ,calm", "sunset over  the sea ,calm"),
    ],
)
def test_base_prompt(prompt: str, expected: str) -> None:
    assert base_prompt(prompt, [MAN, DOG]) == expected


@given(st.lists(st.sampled_from(["ohwx", "man", "photo", "of", ",", "(", ")", "sks", "dog", "ohwx man"]), max_size=8))
def test_no_token_is_left(words: list[str]) -> None:
    result = base_prompt(" ".join(words), [MAN, DOG])
    assert "ohwx" not in result
    assert "sks" not in result


def test_a_token_in_other_words_is_a_token_of_its_own_elsewhere() -> None:
    """`art` stands alone in the prompt, so the `art` in `party` is left."""
    assert base_prompt("party of art man", [concept("art", "man")]) == "party of man"


def test_every_concept_has_its_prompts_in_order() -> None:
    prompts = evaluation_prompts([concept(sanity=("ohwx man, neon", "ohwx man, pencil")), DOG])
    assert [(p.kind, p.concept, p.prompt_index, p.base_prompt) for p in prompts] == [
        (PromptKind.INSTANCE, 0, 0, "photo of man"),
        (PromptKind.SANITY, 0, 0, "man, neon"),
        (PromptKind.SANITY, 0, 1, "man, pencil"),
        (PromptKind.CLASS, 0, 0, "photo of man"),
        (PromptKind.INSTANCE, 1, 0, "photo of dog"),
        (PromptKind.SANITY, 1, 0, "photo of dog, ink poster style"),
        (PromptKind.CLASS, 1, 0, "photo of dog"),
    ]
    assert prompts[1].prompt == "ohwx man, neon"
    assert prompts[1].key == (PromptKind.SANITY, 0, 0)


def test_a_prompt_of_one_concept_may_name_another() -> None:
    prompts = evaluation_prompts([concept(sanity=("ohwx man with sks dog",)), DOG])
    assert prompts[1].base_prompt == "man with dog"


def test_contexts_follow_the_instance_and_the_class_prompt() -> None:
    prompts = evaluation_prompts([concept(sanity=("ohwx man, neon",))], ["blue background", "close up"])
    assert [(p.kind.value, p.prompt_index, p.prompt, p.base_prompt) for p in prompts] == [
        ("instance", 0, "photo of ohwx man", "photo of man"),
        ("instance", 1, "photo of ohwx man, blue background", "photo of man, blue background"),
        ("instance", 2, "photo of ohwx man, close up", "photo of man, close up"),
        ("sanity", 0, "ohwx man, neon", "man, neon"),
        ("class", 0, "photo of man", "photo of man"),
        ("class", 1, "photo of man, blue background", "photo of man, blue background"),
        ("class", 2, "photo of man, close up", "photo of man, close up"),
    ]


def test_the_class_may_be_asked_for_in_other_words_than_its_images() -> None:
    worded = MAN.model_copy(update={"prior_prompt": "picture of a man"})
    prompts = [p.prompt for p in evaluation_prompts([worded], ["on a beach"]) if p.kind is PromptKind.CLASS]
    assert prompts == ["picture of a man", "picture of a man, on a beach"]
