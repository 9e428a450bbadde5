"""Tests of the scores of each concept's own pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from dbsweep.records.names import BASE, Metric, PromptKind
from dbsweep.records.results import SampleImage, Score, Scorecard
from dbsweep.selection.concept_cards import concept_cards, lag

NAN = math.nan
INSTANCE, SANITY, CLASS = PromptKind.INSTANCE, PromptKind.SANITY, PromptKind.CLASS


def card(concepts: Sequence[tuple[Sequence[float], Sequence[float]]], name: str = "b01-000010") -> Scorecard:
    """Of each concept (identity of its photos, of its drawings), a number a seed; style and prior are twice these."""
    images, values = [], []
    for seed in range(len(concepts[0][0])):
        for concept, (photos, drawings) in enumerate(concepts):
            for kind, value in ((INSTANCE, photos[seed]), (SANITY, drawings[seed]), (CLASS, photos[seed])):
                images.append(SampleImage(path="", prompt="", kind=kind, concept=concept, prompt_index=0, seed=seed))
                values.append(value)
    pairs = list(zip(images, values, strict=True))
    samples = {
        Metric.IDENTITY: [value for image, value in pairs if image.kind is not CLASS],
        Metric.STYLE: [2 * value for image, value in pairs if image.kind is SANITY],
        Metric.PRIOR: [2 * value for image, value in pairs if image.kind is CLASS],
    }
    scores = {metric: Score(value=0.0, low=0.0, high=0.0, samples=tuple(each)) for metric, each in samples.items()}
    return Scorecard(checkpoint=name, scores=scores, images=tuple(images))


KNOWN = card([([0.0] * 4, [0.0] * 4)] * 2, BASE)


def test_each_card_is_of_its_concepts_own_pictures():
    first, second = concept_cards(card([([0.8, 0.6] * 2, [0.4] * 4), ([0.3, 0.1] * 2, [0.2] * 4)]), KNOWN)
    # 0.55 = (0.7 + 0.4) / 2, prior 1.4 = 2 · 0.7; 0.2 = (0.2 + 0.2) / 2
    assert [first.value(m) for m in (Metric.IDENTITY, Metric.STYLE, Metric.PRIOR)] == pytest.approx([0.55, 0.8, 1.4])
    assert [second.value(m) for m in (Metric.IDENTITY, Metric.STYLE, Metric.PRIOR)] == pytest.approx([0.2, 0.4, 0.4])
    assert {image.concept for image in second.images} == {1}
    assert second.scores[Metric.IDENTITY].low < 0.2 < second.scores[Metric.IDENTITY].high


def test_identity_of_instance_prompts_alone_is_told_by_concept_too():
    both = card([([0.8] * 4, [0.0] * 4), ([0.3] * 4, [0.0] * 4)])
    photos = Score(value=0.55, low=0.5, high=0.6, samples=(0.8, 0.3) * 4)
    faces = both.model_copy(update={"scores": {**both.scores, Metric.IDENTITY: photos}})
    base = KNOWN.model_copy(update={"scores": {**KNOWN.scores, Metric.IDENTITY: photos}})
    assert [each.value(Metric.IDENTITY) for each in concept_cards(faces, base)] == pytest.approx([0.8, 0.3])


def test_a_single_concept_and_samples_without_their_images_have_no_cards():
    assert concept_cards(card([([0.8] * 4, [0.4] * 4)]), KNOWN) == ()
    both = card([([0.8] * 4, [0.4] * 4), ([0.3] * 4, [0.2] * 4)])
    assert concept_cards(both.model_copy(update={"images": both.images[:-1]}), KNOWN) == ()


def test_blank_pictures_count_against_their_concept_alone_and_unmeasurable_prompts_against_none():
    blank = card([([0.8] * 4, [0.4] * 4), ([0.3, NAN, NAN, NAN], [0.2] * 4)])
    first, second = concept_cards(blank, KNOWN)
    assert first.value(Metric.IDENTITY) == pytest.approx(0.6)
    assert math.isnan(second.value(Metric.IDENTITY))  # 3 of 8 show nothing
    no_photos = card([([0.0] * 4, [0.0] * 4), ([NAN] * 4, [0.0] * 4)], BASE)
    lost = card([([0.8] * 4, [0.4] * 4), ([NAN] * 4, [0.2] * 4)])
    assert concept_cards(lost, no_photos)[1].value(Metric.IDENTITY) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("ahead", "behind", "least", "is_behind"),
    [
        ([0.8, 0.7, 0.9, 0.8], [0.4, 0.3, 0.5, 0.4], 0.05, True),
        ([0.8, 0.7, 0.9, 0.8], [0.4, 0.3, 0.5, 0.4], 0.45, False),  # the difference is 0.4
        ([0.8, 0.2, 0.9, 0.3], [0.4, 0.6, 0.2, 0.7], 0.05, False),  # chance
        ([0.8, 0.2, 0.9, 0.3], [0.5, -0.1, 0.6, 0.0], 0.05, True),  # the seeds scatter, not the difference
        ([0.8] * 4, [NAN] * 4, 0.05, False),
    ],
)
def test_a_concept_is_behind_when_its_paired_interval_says_so(ahead, behind, least, is_behind):
    # the first drawings are as much below the photos as the second's, 0.2
    found = lag(
        concept_cards(card([(behind, [v - 0.2 for v in behind]), (ahead, [v - 0.2 for v in ahead])]), KNOWN), least
    )
    assert (found is not None) is is_behind
    if found is not None:
        assert (found.behind, found.ahead) == (0, 1)
        assert least < found.low <= found.high


def test_a_concept_without_identity_is_left_out_of_the_comparison():
    base = card([([0.0] * 4, [0.0] * 4)] * 3, BASE)
    found = lag(concept_cards(card([([NAN] * 4, [NAN] * 4), ([0.8] * 4, [0.8] * 4), ([0.3] * 4, [0.3] * 4)]), base), 0)
    assert found is not None
    assert (found.behind, found.ahead) == (2, 1)


def test_only_the_prompts_that_both_concepts_have_are_compared():
    """The one ahead has drawings too, which are less alike; the other's only place is its photos."""
    behind, ahead = concept_cards(card([([0.3] * 4, [0.3] * 4), ([0.8] * 4, [0.6] * 4)]), KNOWN)
    photos = Score(value=0.3, low=0.3, high=0.3, samples=(0.3,) * 4)
    images = tuple(image for image in behind.images if image.kind is not SANITY)
    scores = {**behind.scores, Metric.IDENTITY: photos}
    found = lag([behind.model_copy(update={"images": images, "scores": scores}), ahead], 0.0)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.5, 0.5))


def test_the_two_ends_of_many_concepts_are_compared_with_more_care():
    ahead, behind, middle = [0.9, 0.7, 0.8, 0.6], [0.5, 0.5, 0.3, 0.5], [0.7, 0.6, 0.6, 0.5]
    two = lag(concept_cards(card([(behind, behind), (ahead, ahead)]), KNOWN), 0.0)
    base = card([([0.0] * 4, [0.0] * 4)] * 3, BASE)
    three = lag(concept_cards(card([(behind, behind), (middle, middle), (ahead, ahead)]), base), 0.0)
    assert two is not None
    assert three is not None
    assert (three.behind, three.ahead) == (0, 2)
    assert three.low < two.low
