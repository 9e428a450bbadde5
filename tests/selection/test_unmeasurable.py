"""What cannot be measured is said with the prompt and the concept that it cannot be measured with."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from dbsweep.records.names import BASE, PUBLISHED, Metric, PromptKind
from dbsweep.records.results import SampleImage, Score, Scorecard
from dbsweep.selection.unmeasurable import MEASURED_ON, asked_images, unmeasurable

NAN = math.nan
PROMPTS = {
    PromptKind.INSTANCE: "photo of ohwx man",
    PromptKind.SANITY: "photo of ohwx man, ink",
    PromptKind.CLASS: "photo of man",
}
DECIDING = [metric for metric in Metric if metric not in PUBLISHED]


def images(concepts: int = 1) -> tuple[SampleImage, ...]:
    """Two seeds of three prompts, which the concepts share."""
    return tuple(
        SampleImage(path="", prompt=prompt, kind=kind, concept=concept, prompt_index=0, seed=seed)
        for seed in (1, 2)
        for concept in range(concepts)
        for kind, prompt in PROMPTS.items()
    )


def score(*samples: float) -> Score:
    known = [sample for sample in samples if not math.isnan(sample)]
    value = sum(known) / len(known) if known else NAN
    return Score(value=value, low=value, high=value, samples=samples)


def card(drawn: Sequence[SampleImage], **scores: Score) -> Scorecard:
    return Scorecard(checkpoint=BASE, scores={Metric(name): each for name, each in scores.items()}, images=tuple(drawn))


def test_what_can_be_measured_is_not_told() -> None:
    assert unmeasurable(card(images(), style=score(1.0, 1.0), prior=score(1.0, 0.9))) == ()
    assert unmeasurable(card((), style=score(1.0))) == ()
    assert unmeasurable(card(())) == ()


def test_a_sample_that_is_a_number_is_enough_for_its_prompt() -> None:
    assert unmeasurable(card(images(), style=score(NAN, 0.9))) == ()


def test_the_prompt_is_named_once() -> None:
    assert unmeasurable(card(images(), style=score(NAN, NAN))) == (
        "style cannot be measured with 'photo of ohwx man, ink': the base model does not draw this style;"
        " choose one that it knows",
    )


def test_of_identity_all_prompts_of_a_concept_are_lost_together() -> None:
    assert unmeasurable(card(images(), identity=score(*[NAN] * 4))) == (
        "identity cannot be measured: the encoder does not tell the photos from the base model's class images",
    )
    # Concepts and prompts take turns: of the second concept neither instance nor sanity prompt has a number.
    own = score(*[1.0, 1.0, NAN, NAN] * 2)
    (told,) = unmeasurable(card(images(2), identity=own))
    assert told.startswith("identity cannot be measured for concepts[1]: ")


def test_of_several_concepts_the_one_is_named_whose_prompt_it_is() -> None:
    (told,) = unmeasurable(card(images(2), prior=score(1.0, NAN, 1.0, NAN)))
    assert told.startswith("prior cannot be measured with 'photo of man' for concepts[1]: ")


def test_without_faces_it_is_the_base_model_and_not_the_encoder() -> None:
    lost = {"identity": score(NAN, NAN), "faces": score(0.0, 0.0)}
    assert unmeasurable(card(images(), **lost)) == (
        "identity cannot be measured: no picture of the class by the base model shows a face",
    )
    (told,) = unmeasurable(card(images(), **lost | {"faces": score(0.0, 1.0)}))
    assert told.endswith("the encoder does not tell the photos from the base model's class images")


def test_without_images_the_metric_is_named_alone() -> None:
    (told,) = unmeasurable(card((), style=score(NAN, NAN)))
    assert told.startswith("style cannot be measured: ")


@pytest.mark.parametrize("metric", DECIDING)
def test_each_metric_by_which_something_is_decided_has_a_reason(metric: Metric) -> None:
    (told,) = unmeasurable(card((), **{metric.value: score(NAN)}))
    assert told.startswith(f"{metric.value} cannot be measured: ")


@pytest.mark.parametrize("metric", sorted(PUBLISHED))
def test_what_nothing_is_decided_by_is_passed_over(metric: Metric) -> None:
    assert unmeasurable(card((), **{metric.value: score(NAN)})) == ()


@pytest.mark.parametrize("metric", Metric)
def test_samples_have_the_images_of_their_metrics_prompts(metric: Metric) -> None:
    drawn = images()
    wanted = [image for image in drawn if image.kind in MEASURED_ON[metric]]
    assert asked_images(metric, score(*[1.0] * len(wanted)), drawn) == wanted


def test_identity_by_an_encoder_of_its_own_is_of_instance_prompts_alone() -> None:
    asked = asked_images(Metric.IDENTITY, score(1.0, 1.0), images())
    assert [(image.kind, image.seed) for image in asked] == [(PromptKind.INSTANCE, 1), (PromptKind.INSTANCE, 2)]


def test_samples_that_do_not_go_with_the_images_have_none() -> None:
    assert asked_images(Metric.STYLE, score(1.0), images()) == []
    assert asked_images(Metric.IDENTITY, score(1.0), images()) == []
