"""Each distinct prompt is encoded once, in chunks as sampling does, and a frozen text encoder is asked no more."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dbsweep.sampling.conditioning import encode_prompts
from dbsweep.training.conditioning import PromptEncoder
from tests.training.dreambooth import LONG, fresh_models


def test_prompts_are_encoded_once_and_expanded(tiny_sd: Path) -> None:
    models = fresh_models(tiny_sd)
    encoded: list[int] = []
    models.text_encoder.register_forward_pre_hook(lambda module, args: encoded.append(len(args[0])))
    encoder = PromptEncoder(models.text_encoder, models.tokenizer)
    prompts = ["photo of ohwx man", "photo of ohwx man", "photo of man", "dog"]
    states, mask = encoder.encode(prompts)
    assert (encoded, mask) == ([3], None)
    assert states.requires_grad
    ids = models.tokenizer(prompts, padding="max_length", max_length=77, return_tensors="pt").input_ids
    torch.testing.assert_close(states, models.text_encoder(ids)[0])
    encoder.freeze()
    frozen, _ = encoder.encode(prompts)
    encoded.clear()
    again, _ = encoder.encode(prompts[::-1])
    assert (encoded, again.requires_grad) == ([], False)
    assert torch.equal(again, frozen.flip(0))
    torch.testing.assert_close(frozen, states.detach())


def test_after_a_thaw_prompts_are_encoded_by_what_the_weights_are_then(tiny_sd: Path) -> None:
    models = fresh_models(tiny_sd)
    encoder = PromptEncoder(models.text_encoder, models.tokenizer)
    encoder.freeze()
    before, _ = encoder.encode(["dog"])
    with torch.no_grad():
        for parameter in models.text_encoder.parameters():
            parameter.mul_(1.5)
    encoder.thaw()
    thawed, _ = encoder.encode(["dog"])
    assert thawed.requires_grad
    encoder.freeze()
    after, _ = encoder.encode(["dog"])
    torch.testing.assert_close(after, thawed.detach())
    assert not torch.allclose(after, before, atol=1e-3)


@pytest.mark.parametrize("clip_skip", [1, 2])
@pytest.mark.parametrize("frozen", [False, True])
def test_long_prompts_and_clip_skip_are_those_of_sampling(tiny_sd: Path, clip_skip: int, frozen: bool) -> None:
    models = fresh_models(tiny_sd)
    encoder = PromptEncoder(models.text_encoder, models.tokenizer, clip_skip=clip_skip)
    if frozen:
        encoder.freeze()
    states, mask = encoder.encode([LONG, "photo of man"])
    with models.evaluating():
        long, short = encode_prompts(models, [LONG, "photo of man"], clip_skip=clip_skip)
    assert states.shape == (2, 154, 32)
    torch.testing.assert_close(states[0], long, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(states[1, :77], short, rtol=1e-4, atol=1e-5)
    assert mask is not None
    assert mask.sum(dim=1).tolist() == [154, 77]


def test_brackets_are_text(tiny_sd: Path) -> None:
    models = fresh_models(tiny_sd)
    encoder = PromptEncoder(models.text_encoder, models.tokenizer)
    states, _ = encoder.encode(["(man:1.5)", "man"])
    assert not torch.allclose(states[0], states[1], atol=1e-3)
    with models.evaluating():
        escaped = encode_prompts(models, [r"\(man:1.5\)"])[0]
    torch.testing.assert_close(states[0], escaped, rtol=1e-4, atol=1e-5)


def test_only_so_many_prompts_are_kept(tiny_sd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbsweep.training.conditioning.KEPT_PROMPTS", 2)
    models = fresh_models(tiny_sd)
    encoder = PromptEncoder(models.text_encoder, models.tokenizer)
    encoder.freeze()
    first, _ = encoder.encode(["dog", "man", "photo"])
    encoded: list[int] = []
    models.text_encoder.register_forward_pre_hook(lambda module, args: encoded.append(len(args[0])))
    encoder.encode(["man", "photo"])
    assert encoded == []
    again, _ = encoder.encode(["man", "photo", "dog"])
    assert encoded == [1]  # the dog was first in and first out
    assert torch.equal(again, first[[1, 2, 0]])
