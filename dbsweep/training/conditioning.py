"""Prompts as the UNet sees them, each distinct one encoded once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import CLIPTextModel


class PromptEncoder:
    """Encodes rows of a fixed list of prompts; once frozen, all are encoded a last time and kept.

    Args:
        prompt_ids: the distinct prompts, (m, length) int64.
    """

    def __init__(self, text_encoder: CLIPTextModel, prompt_ids: torch.Tensor) -> None:
        self._text_encoder = text_encoder
        self._prompt_ids = prompt_ids.to(text_encoder.device)
        self._frozen: torch.Tensor | None = None

    @property
    def frozen(self) -> bool:
        """Whether the prompts' encodings are fixed."""
        return self._frozen is not None

    def freeze(self) -> None:
        """From now on the text encoder does not change."""
        with torch.no_grad():
            self._frozen = self._encode(self._prompt_ids)

    def encode(self, rows: Sequence[int]) -> torch.Tensor:
        """The text encoder's last hidden states, (len(rows), length, width); with gradients unless frozen."""
        if self._frozen is not None:
            return self._frozen[list(rows)]
        distinct = sorted(set(rows))
        states = self._encode(self._prompt_ids[distinct])
        return states[[distinct.index(row) for row in rows]]

    def _encode(self, prompt_ids: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = self._text_encoder(prompt_ids).last_hidden_state
        return states
