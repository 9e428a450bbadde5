"""Tests of what is said of notations that are text here."""

from __future__ import annotations

import pytest

from dbsweep.sampling.unread_notation import unread_notation


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        (
            "photo of ohwx man <lora:ohwx:0.8>",
            ["<lora:ohwx:0.8> in a prompt is text here: no LoRA is loaded by its name"],
        ),
        ("<hypernet:anime>", ["<hypernet:anime> in a prompt is text"]),
        ("a [cat:dog:0.5]", ["[cat:dog:0.5] in a prompt is text here: words are not scheduled"]),
        ("a [hat:5]", ["[hat:5]"]),
        ("a [hat::5]", ["[hat::5]"]),
        ("a [cat|dog]", ["[cat|dog]"]),
        ("a cat AND a dog", ["AND in a prompt is text here: prompts are not composed"]),
        ("(ohwx man:1.2), [blue], \\[a:b:5\\], sand and LANDS, 1 < 2", []),
    ],
)
def test_what_a1111_would_read_is_told(prompt: str, told: list[str]) -> None:
    sentences = list(unread_notation([prompt]))
    assert len(sentences) == len(told)
    assert all(sentence.startswith(beginning) for sentence, beginning in zip(sentences, told, strict=True))


def test_each_notation_is_told_once() -> None:
    assert len(list(unread_notation(["<lora:a:1>", "<lora:b:1> AND c"]))) == 2
