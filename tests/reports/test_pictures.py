"""Which images belong together, and the words under them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.records.names import BASE, PromptKind
from dbsweep.records.results import SampleImage, Scorecard
from dbsweep.reports.pictures import KIND_NAMES, PromptKey, images_by_prompt, picture_of


def image(kind: PromptKind, seed: int = 1, *, concept: int = 0, index: int = 0) -> SampleImage:
    path = f"images/{concept}-{kind}-{index}-{seed}.png"
    return SampleImage(path=path, prompt="photo of man", kind=kind, concept=concept, prompt_index=index, seed=seed)


def test_prompts_come_as_the_report_shows_them_and_seeds_rise() -> None:
    subject, sanity, plain = PromptKind.INSTANCE, PromptKind.SANITY, PromptKind.CLASS
    drawn = (
        image(plain),
        image(sanity, index=1),
        image(subject, concept=1),
        image(subject, 3),
        image(sanity),
        image(subject, 2),
    )
    found = images_by_prompt(Scorecard(checkpoint=BASE, scores={}, images=drawn))
    assert [(key.concept, key.kind, key.index) for key in found] == [
        (0, subject, 0),
        (0, sanity, 0),
        (0, sanity, 1),
        (0, plain, 0),
        (1, subject, 0),
    ]
    assert [each.seed for each in found[PromptKey.of(image(subject))]] == [2, 3]


def test_without_a_card_or_images_there_is_nothing() -> None:
    assert images_by_prompt(None) == images_by_prompt(Scorecard(checkpoint=BASE, scores={}, images=())) == {}


@pytest.mark.parametrize("kind", PromptKind)
def test_every_kind_of_prompt_has_a_name(kind: PromptKind) -> None:
    assert PromptKey.of(image(kind)).kind is kind
    assert KIND_NAMES[kind]


@pytest.mark.parametrize(("seeds", "told"), [((7,), "seed 7"), ((7, 8), "seeds 7, 8")])
def test_a_picture_says_who_drew_it_and_from_which_seeds(seeds: tuple[int, ...], told: str) -> None:
    picture = picture_of(tuple(image(PromptKind.CLASS, seed) for seed in seeds), "t014, epoch 40", Path("/runs/demo"))
    assert picture.alt == "“photo of man” by t014, epoch 40"
    assert picture.caption == f"t014, epoch 40 · “photo of man” · {told}"
    assert picture.paths[0] == Path("/runs/demo/images/0-class-0-7.png")
