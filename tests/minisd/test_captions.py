"""Captions say what is there, within 77 tokens, and a tenth of them is held out."""

from __future__ import annotations

import numpy as np
import pytest

from dbsweep.minisd.attributes import COLOUR_STYLES, HAIR_COLOURS
from dbsweep.minisd.captions import NOUNS, describe, describe_fully, is_held_out, training_caption
from dbsweep.minisd.tokenizer import RARE_TOKENS, build_tokenizer
from dbsweep.minisd.world import draw_samples

SAMPLES = draw_samples(11, 1500)


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(captions=3000)


UNSAID = {"left mole", "right mole", "full"}
"""Values that captions put into other words: a mole on the left, a beard."""


def test_what_a_caption_names_is_true():
    rng = np.random.default_rng(0)
    for sample in SAMPLES:
        caption = describe(sample, rng)
        assert sample.subject.klass in caption.text.split(" with ")[0]
        assert any(noun in caption.text for noun in (sample.style, *NOUNS[sample.style]))
        for name, value in caption.named.items():
            assert value == (sample.style if name == "style" else getattr(sample.subject, name))
            assert name in ("klass", "style") or value in UNSAID or value.split()[-1] in caption.text


def test_colours_are_named_only_where_the_style_shows_them():
    rng = np.random.default_rng(1)
    for sample in SAMPLES:
        if sample.style not in COLOUR_STYLES:
            words = set(describe_fully(sample, rng).replace(",", "").split())
            assert not words & {*HAIR_COLOURS, "copper", "gold", "mint", "silver", "shirt", "background"}


def test_both_forms_of_a_style_are_trained():
    rng = np.random.default_rng(2)
    texts = [describe(sample, rng).text for sample in SAMPLES if sample.style == "ink poster"]
    assert any(text.startswith("ink poster of") for text in texts)
    assert any(text.startswith("photo of") and text.endswith(", ink poster style") for text in texts)


def test_no_training_caption_is_held_out_and_about_a_tenth_would_be():
    rng = np.random.default_rng(3)
    assert not any(is_held_out(training_caption(sample, rng).text) for sample in SAMPLES)
    named = [text for text in (describe(sample, rng).text for sample in SAMPLES) if " with " in text]
    assert 0.06 < np.mean([is_held_out(text) for text in named]) < 0.15


def test_captions_fit_and_hold_no_rare_token(tokenizer):
    rng = np.random.default_rng(4)
    rare = {tokenizer.convert_tokens_to_ids(token + "</w>") for token in RARE_TOKENS}
    for sample in SAMPLES[:400]:
        for text in (describe(sample, rng).text, describe_fully(sample, rng)):
            ids = tokenizer(text).input_ids
            assert len(ids) <= 77
            assert not rare & set(ids)


@pytest.mark.parametrize("token", RARE_TOKENS)
def test_a_rare_token_is_one_token(tokenizer, token: str):
    assert tokenizer.tokenize(f"photo of {token} man") == ["photo</w>", "of</w>", f"{token}</w>", "man</w>"]


def test_any_text_is_made_of_known_pieces(tokenizer):
    text = "zyzzyva café 日本 (x:1.4) [a|b] 🙂"
    ids = tokenizer(text).input_ids
    assert tokenizer.decode(ids, skip_special_tokens=True).replace(" ", "") == text.replace(" ", "")
    assert tokenizer.unk_token_id not in ids[1:-1]


def test_words_of_captions_are_single_tokens(tokenizer):
    rng = np.random.default_rng(5)
    words = {word for sample in SAMPLES[:300] for word in describe_fully(sample, rng).replace(",", "").split()}
    assert len(words) > 60
    assert [word for word in words if len(tokenizer.tokenize(word)) > 1] == []
