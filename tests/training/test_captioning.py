"""Words are drawn by counters: dropped, shuffled and left out as often as the settings say."""

from __future__ import annotations

import pytest

from dbsweep.concepts.captions import Caption
from dbsweep.training.captioning import CaptionSource

CAPTION = Caption("[filewords], film", "man, hat, tree, sky, dog", "ohwx", "man")
PLAIN = Caption("photo of ohwx man")


def texts(source: CaptionSource, caption: Caption = CAPTION, count: int = 400) -> list[str]:
    return [source.text(caption, (epoch, 0, 0)) for epoch in range(count)]


def test_by_default_the_caption_stays_as_it_is() -> None:
    assert set(texts(CaptionSource(0))) == {"ohwx man, hat, tree, sky, dog, film"}


def test_dropout_leaves_nothing_of_the_prompt() -> None:
    drawn = texts(CaptionSource(0, dropout=0.25), PLAIN)
    assert set(drawn) == {"", "photo of ohwx man"}
    assert drawn.count("") == pytest.approx(100, abs=30)  # 400 draws of 1/4: 3.5 deviations
    assert texts(CaptionSource(0, dropout=0.25), PLAIN) == drawn
    assert texts(CaptionSource(1, dropout=0.25), PLAIN) != drawn


def test_shuffled_tags_keep_their_company_and_the_first_their_place() -> None:
    drawn = texts(CaptionSource(0, shuffle_tags=True, keep_tags=2))
    assert all(text.startswith("ohwx man, hat, ") and text.endswith(", film") for text in drawn)
    assert len(set(drawn)) == 6  # 3! orders of tree, sky, dog
    assert {tuple(sorted(text.split(", "))) for text in drawn} == {("dog", "film", "hat", "ohwx man", "sky", "tree")}


def test_left_out_tags_do_not_take_the_subject_with_them() -> None:
    drawn = texts(CaptionSource(0, tag_dropout=0.5))
    assert all("ohwx man" in text for text in drawn)
    assert sum("hat" in text for text in drawn) == pytest.approx(200, abs=40)
    kept = texts(CaptionSource(0, tag_dropout=1.0, keep_tags=1))
    assert set(kept) == {"ohwx man, film"}


def test_a_prompt_without_caption_has_no_tags() -> None:
    assert set(texts(CaptionSource(0, shuffle_tags=True, tag_dropout=0.9), Caption("a, b, c"))) == {"a, b, c"}
