"""What is said of tags is refused for sentences, and the other way round."""

from __future__ import annotations

import pytest

from dbsweep.captioning.telling import SentenceSettings, TagSettings, Telling
from dbsweep.errors import InputError


def test_what_is_not_said_has_a_default() -> None:
    assert Telling().sentences("m") == SentenceSettings(50, 1, None)
    assert Telling(12, 3, "a photo of").sentences("m") == SentenceSettings(12, 3, "a photo of")
    assert Telling().tags("m") == TagSettings(0.35, 0.35)
    assert Telling(threshold=0.0).tags("m") == TagSettings(0.0, 0.0)
    assert Telling(threshold=0.2, character_threshold=0.0).tags("m") == TagSettings(0.2, 0.0)
    assert Telling(character_threshold=0.9).tags("m") == TagSettings(0.35, 0.9)


@pytest.mark.parametrize(
    ("telling", "message"),
    [
        (Telling(threshold=0.0), "--threshold 0.0: is for taggers, and m says sentences; leave it out"),
        (Telling(character_threshold=0.5), "--character-threshold 0.5: is for taggers"),
    ],
)
def test_thresholds_are_for_taggers(telling: Telling, message: str) -> None:
    with pytest.raises(InputError, match=message):
        telling.sentences("m")


@pytest.mark.parametrize(
    ("telling", "message"),
    [
        (Telling(max_tokens=5), "--max-tokens 5: is for models that say sentences, and m is a tagger; leave it out"),
        (Telling(beams=1), "--beams 1: is for models that say sentences"),
        (Telling(prompt="a"), "--prompt a: is for models that say sentences"),
    ],
)
def test_the_rest_is_for_sentences(telling: Telling, message: str) -> None:
    with pytest.raises(InputError, match=message):
        telling.tags("m")
