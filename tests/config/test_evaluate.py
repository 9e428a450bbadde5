"""The section `evaluate`: rounds of the race, contexts."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from dbsweep.config.evaluate import Evaluate


@pytest.mark.parametrize(
    ("first", "most", "levels"),
    [(4, 16, (4, 8, 16)), (2, 4, (2, 4)), (4, 10, (4, 8, 10)), (4, 4, (4,)), (8, 4, (8,))],
)
def test_every_round_doubles_the_images(first: int, most: int, levels: tuple[int, ...]):
    assert Evaluate.model_validate({"images_per_prompt": first, "race": {"images_per_prompt": most}}).levels == levels


def test_without_a_race_there_is_the_first_look_alone():
    assert Evaluate.model_validate({"race": {"enabled": False}}).levels == (4,)


@pytest.mark.parametrize(("most", "images"), [(8, 8), (64, 16)])
def test_a_token_is_looked_at_in_the_races_images_but_no_more_than_it_takes(most: int, images: int):
    assert Evaluate.model_validate({"race": {"images_per_prompt": most}}).token_images == images


def test_contexts_are_told_without_their_commas():
    assert Evaluate.model_validate({"contexts": [", blue background", "close up "]}).contexts == (
        "blue background",
        "close up",
    )


@pytest.mark.parametrize(
    ("contexts", "message"),
    [([" ,"], "must say where the subject is"), (["close up", ", close up"], "contexts must differ, got close up")],
)
def test_contexts_say_something_each_something_else(contexts: list[str], message: str):
    with pytest.raises(ValidationError, match=message):
        Evaluate.model_validate({"contexts": contexts})


@pytest.mark.parametrize(
    ("identity", "message"),
    [
        ({"face_detector": "yunet.onnx"}, "faces need face_detector and face_recognizer, got one of them"),
        ({"encoder": "ViT-B-32/openai", "dinov2": "facebook/dinov2-base"}, "must name one of encoder, dinov2"),
    ],
)
def test_identity_has_one_pair_of_eyes(identity: dict[str, str], message: str):
    with pytest.raises(ValidationError, match=message):
        Evaluate.model_validate({"identity": identity})


def test_what_identity_is_loaded_from_is_listed():
    given = {"face_detector": "/weights/yunet.onnx", "face_recognizer": "/weights/sface.onnx"}
    assert {
        name: str(path) for name, path in Evaluate.model_validate({"identity": given}).identity.sources.items()
    } == given
    assert Evaluate().identity.sources == {}
