"""Which pictures and captions the denoiser is trained on."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from dbsweep.minisd.train_denoiser import EMPHASIS, EMPTY_SHARE, draw_pairs
from dbsweep.minisd.world import Sample, draw_samples

SAMPLES = draw_samples(0, 400)


def pairs(batches: int) -> list[tuple[Sample, str]]:
    found = []
    for seed in range(batches):
        picks, texts = draw_pairs(SAMPLES, 32, torch.Generator().manual_seed(seed))
        found += [(SAMPLES[int(i)], text) for i, text in zip(picks, texts, strict=True)]
    return found


def names_beard(text: str) -> bool:
    return any(word in text for word in ("beard", "goatee", "moustache"))


def test_a_caption_names_a_beard_only_where_there_is_one():
    named = [sample.subject.beard for sample, text in pairs(20) if names_beard(text)]
    assert Counter(named).keys() == {"full", "goatee", "moustache"}


def test_captions_with_a_beard_are_drawn_oftener_and_a_share_is_empty(monkeypatch: pytest.MonkeyPatch):
    emphasised = [text for _, text in pairs(60)]
    monkeypatch.setattr("dbsweep.minisd.train_denoiser.EMPHASIS", 1.0)
    plain = [text for _, text in pairs(60)]
    # Half of the pairs are kept, so odds of 4 to 1 come to less than four times as many.
    ratio = sum(map(names_beard, emphasised)) / sum(map(names_beard, plain))
    assert 1.6 < ratio < EMPHASIS
    assert plain.count("") / len(plain) == pytest.approx(EMPTY_SHARE, abs=0.02)


def test_a_seed_draws_the_same_pairs():
    assert pairs(2) == pairs(2)
