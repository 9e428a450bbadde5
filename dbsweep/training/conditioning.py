"""Prompts as the UNet sees them, each distinct one encoded once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from dbsweep.sampling.conditioning import hidden_states, literal_ids, pad_rows

KEPT_PROMPTS = 256
"""Encodings of a frozen text encoder that are kept: 60 MB of SD 1 prompts."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """The prompts of a pass, as the networks take them.

    Attributes:
        tensors: ``ids``, (chunks, 77) token ids of the distinct prompts; once the text encoder is frozen ``states``
            and, where not all count, ``mask``, as `PromptEncoder.encode` returns them.
        chunks: of each distinct prompt.
        places: of each image's prompt among the distinct ones.
    """

    tensors: Mapping[str, Tensor]
    chunks: tuple[int, ...] = ()
    places: tuple[int, ...] = ()


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

    def thaw(self) -> None:
        """The text encoder has other weights, and may train again."""
        self._encoded.clear()
        self.frozen = False

    def encode(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor | None]:
        """The text encoder's hidden states, (len(prompts), length, width); with gradients unless frozen.

        Returns:
            The states, and a mask (len(prompts), length) that is True where they count; None where all do.
        """
        return self.states(self.prepare(prompts))

    def prepare(self, prompts: Sequence[str]) -> Prompts:
        """All of `encode` for which no gradient is needed."""
        distinct = list(dict.fromkeys(prompts))
        if self.frozen:
            rows = dict(zip(distinct, self._keep(distinct), strict=True))
            states, mask = pad_rows([rows[prompt] for prompt in prompts])
            return Prompts({"states": states} if mask is None else {"states": states, "mask": mask})
        chunks = [self._chunks(prompt) for prompt in distinct]
        return Prompts(
            {"ids": torch.cat(chunks)},
            chunks=tuple(len(each) for each in chunks),
            places=tuple(distinct.index(prompt) for prompt in prompts),
        )

    def states(self, prompts: Prompts) -> tuple[Tensor, Tensor | None]:
        """What `encode` returns."""
        if "states" in prompts.tensors:
            return prompts.tensors["states"], prompts.tensors.get("mask")
        rows = self._rows(prompts.tensors["ids"], prompts.chunks)
        return pad_rows([rows[place] for place in prompts.places])

    def _keep(self, prompts: Sequence[str]) -> list[Tensor]:
        for prompt in prompts:
            if prompt not in self._encoded:
                ids = self._chunks(prompt)
                with torch.no_grad():
                    (self._encoded[prompt],) = self._rows(ids, (len(ids),))
        rows = [self._encoded[prompt] for prompt in prompts]
        while len(self._encoded) > KEPT_PROMPTS:
            self._encoded.pop(next(iter(self._encoded)))
        return rows

    def _rows(self, ids: Tensor, chunks: Sequence[int]) -> list[Tensor]:
        """(77·chunks, width) of each prompt, from all their chunks one after another."""
        states = hidden_states(self._text_encoder, ids, self._clip_skip)
        return [part.flatten(0, 1) for part in torch.split(states, list(chunks))]

    def _chunks(self, prompt: str) -> Tensor:
        if prompt not in self._ids:
            self._ids[prompt] = literal_ids(self._tokenizer, prompt).to(self._text_encoder.device)
        return self._ids[prompt]
