"""Each distinct prompt is encoded once, and a frozen text encoder is asked no more."""

from __future__ import annotations

from pathlib import Path

import torch

from dbsweep.concepts.token import prompt_ids
from dbsweep.training.conditioning import PromptEncoder
from tests.training.dreambooth import fresh_models


def test_prompts_are_encoded_once_and_expanded(tiny_sd: Path) -> None:
    models = fresh_models(tiny_sd)
    texts = ("photo of man", "photo of ohwx man", "dog")
    ids = torch.stack([prompt_ids(models.tokenizer, text) for text in texts])
    encoded: list[int] = []
    models.text_encoder.register_forward_pre_hook(lambda module, args: encoded.append(len(args[0])))
    encoder = PromptEncoder(models.text_encoder, ids)
    states = encoder.encode([1, 1, 0, 0])
    assert encoded == [2]
    assert states.requires_grad
    torch.testing.assert_close(states, models.text_encoder(ids[[1, 1, 0, 0]])[0])
    assert not encoder.frozen
    encoder.freeze()
    encoded.clear()
    frozen = encoder.encode([1, 1, 0, 2])
    assert (encoded, frozen.requires_grad, encoder.frozen) == ([], False, True)
    torch.testing.assert_close(frozen, models.text_encoder(ids[[1, 1, 0, 2]])[0].detach())
