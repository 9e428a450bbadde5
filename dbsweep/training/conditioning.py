"""Prompts as the UNet sees them, each distinct one encoded once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from dbsweep.sampling.conditioning import hidden_states, literal_ids, pad_rows

KEPT_PROMPTS = 256
"""Encodings of a frozen text encoder that are kept: 60 MB of SD 1 prompts."""


class PromptEncoder:
    """Encodes prompts word for word (brackets are text), in chunks of 75 tokens as sampling does.

    Once frozen, a prompt is encoded by itself and kept, so its encoding does not depend on what came before.

    Args:
        clip_skip: as in `dbsweep.sampling.conditioning.encode_prompts`.
    """

    def __init__(self, text_encoder: CLIPTextModel, tokenizer: CLIPTokenizer, *, clip_skip: int = 1) -> None:
        self._text_encoder = text_encoder
        self._tokenizer = tokenizer
        self._clip_skip = clip_skip
        self._ids: dict[str, Tensor] = {}
        self._encoded: dict[str, Tensor] = {}
        self.frozen = False

    def freeze(self) -> None:
        """From now on the text encoder does not change."""
        self.frozen = True

    def encode(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor | None]:
        """The text encoder's hidden states, (len(prompts), length, width); with gradients unless frozen.

        Returns:
            The states, and a mask (len(prompts), length) that is True where they count; None where all do.
        """
        distinct = list(dict.fromkeys(prompts))
        encode = self._keep if self.frozen else self._encode
        rows = dict(zip(distinct, encode(distinct), strict=True))
        return pad_rows([rows[prompt] for prompt in prompts])

    def _keep(self, prompts: Sequence[str]) -> list[Tensor]:
        for prompt in prompts:
            if prompt not in self._encoded:
                with torch.no_grad():
                    (self._encoded[prompt],) = self._encode([prompt])
        rows = [self._encoded[prompt] for prompt in prompts]
        while len(self._encoded) > KEPT_PROMPTS:
            self._encoded.pop(next(iter(self._encoded)))
        return rows

    def _encode(self, prompts: Sequence[str]) -> list[Tensor]:
        """(77·chunks, width) of each prompt."""
        chunks = [self._chunks(prompt) for prompt in prompts]
        states = hidden_states(self._text_encoder, torch.cat(chunks), self._clip_skip)
        return [part.flatten(0, 1) for part in torch.split(states, [len(each) for each in chunks])]

    def _chunks(self, prompt: str) -> Tensor:
        if prompt not in self._ids:
            self._ids[prompt] = literal_ids(self._tokenizer, prompt).to(self._text_encoder.device)
        return self._ids[prompt]
