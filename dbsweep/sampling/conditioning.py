"""Prompts to text embeddings: chunks of 75 tokens with weights, as A1111 makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from dbsweep.errors import InputError
from dbsweep.models.bundle import StableDiffusion
from dbsweep.sampling.grammar import Break, Fragment, Part, parse

CHUNK_TOKENS = 75
LEAST_MEAN = 1e-3
"""Means of a chunk below so many of its standard deviations are rounding noise, and no scale to go back to.

SD 1 and 2 are far above (about 0.1); a text encoder whose final norm has no bias yet has a mean of zero, where
A1111's quotient of means would be arbitrary.
"""
ENCODE_BATCH = 64
"""Chunks that go through the text encoder at once, so that thousands of prompts fit in memory."""
COMMA_BACKTRACK = 20
"""A full chunk ends at a comma when one is at most so many tokens back (A1111's default)."""


@dataclass
class Chunk:
    """At most 75 tokens and their weights, without BOS and EOS."""

    tokens: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def split(self, at: int) -> Chunk:
        """Keeps the first ``at`` tokens and returns the rest."""
        rest = Chunk(self.tokens[at:], self.weights[at:])
        del self.tokens[at:], self.weights[at:]
        return rest


def make_chunks(prompt: str, models: StableDiffusion) -> list[Chunk]:
    """The prompt's tokens in chunks, after A1111's ``tokenize_line``; an empty prompt is one empty chunk."""
    return _chunked(parse(prompt), models.tokenizer)


def literal_ids(tokenizer: CLIPTokenizer, text: str) -> Tensor:
    """Token ids of a text without any grammar, (chunks, 77) int64 on the CPU, in chunks as a prompt's."""
    chunks = _chunked([Fragment(text)], tokenizer)
    return torch.tensor([_padded(chunk.tokens, tokenizer) for chunk in chunks], dtype=torch.int64)


def _chunked(parts: Sequence[Part], tokenizer: CLIPTokenizer) -> list[Chunk]:
    comma = tokenizer.convert_tokens_to_ids(",</w>")
    chunks = [Chunk()]
    last_comma = -1
    for part in parts:
        if isinstance(part, Break):
            chunks.append(Chunk())
            last_comma = -1
            continue
        for token in tokenizer(part.text, add_special_tokens=False, verbose=False).input_ids:
            chunk = chunks[-1]
            if token == comma and len(chunk.tokens) < CHUNK_TOKENS:
                last_comma = len(chunk.tokens)
            elif len(chunk.tokens) == CHUNK_TOKENS:
                is_near = last_comma != -1 and CHUNK_TOKENS - last_comma <= COMMA_BACKTRACK
                chunks.append(chunk.split(last_comma + 1) if is_near and token != comma else Chunk())
                last_comma = -1
            chunks[-1].tokens.append(token)
            chunks[-1].weights.append(part.weight)
    if len(chunks) > 1 and not chunks[-1].tokens:
        chunks.pop()  # as A1111: a BREAK at the very end adds nothing
    return chunks


def encode_prompts(models: StableDiffusion, prompts: Sequence[str], *, clip_skip: int = 1) -> list[Tensor]:
    """The text encoder's output for each prompt, in the order given; equal prompts are encoded once.

    Args:
        clip_skip: A1111's "Clip skip": 1 takes the last layer, 2 the one before; the final norm is applied always.

    Returns:
        For each prompt (77·chunks, d) in the text encoder's dtype on its device. Weights scale the output, which
        is then scaled back to the chunk's mean (A1111's "original" emphasis), unless that mean is about zero.
    """
    distinct = list(dict.fromkeys(prompts))
    chunks = {prompt: make_chunks(prompt, models) for prompt in distinct}
    flat = [chunk for prompt in distinct for chunk in chunks[prompt]]
    if not flat:
        return []
    encoded = iter(_encode_chunks(models, flat, clip_skip))
    by_prompt = {prompt: torch.cat([next(encoded) for _ in chunks[prompt]]) for prompt in distinct}
    return [by_prompt[prompt] for prompt in prompts]


def _encode_chunks(models: StableDiffusion, chunks: Sequence[Chunk], clip_skip: int) -> list[Tensor]:
    ids = torch.tensor([_padded(chunk.tokens, models.tokenizer) for chunk in chunks], device=models.device)
    batches = torch.split(ids, ENCODE_BATCH)
    output = torch.cat([hidden_states(models.text_encoder, batch, clip_skip) for batch in batches])
    return [_weighted(encoding, chunk.weights) for encoding, chunk in zip(output, chunks, strict=True)]


def hidden_states(encoder: CLIPTextModel, ids: Tensor, clip_skip: int) -> Tensor:
    """The text encoder's output for chunks of token ids: (n, 77) int64 → (n, 77, d); `clip_skip` as above.

    Raises:
        InputError: it skips more layers than there are.
    """
    if clip_skip > (layers := encoder.config.num_hidden_layers):
        raise InputError(
            f"clip_skip {clip_skip} is more than the {layers} layers of the base model's text encoder:"
            f" choose 1 to {layers}"
        )
    if clip_skip == 1:
        states: Tensor = encoder(ids).last_hidden_state
    else:
        states = encoder.final_layer_norm(encoder(ids, output_hidden_states=True).hidden_states[-clip_skip])
    return states


def pad_rows(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
    """Embeddings of several lengths, each (length, d), as one (n, longest, d), and a mask that hides the padding.

    The mask is (n, longest) bool, or None where all are of one length.
    """
    padded = torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
    if all(len(row) == padded.shape[1] for row in rows):
        return padded, None  # attention without a mask is faster
    # Made on the device: a copy of lengths from the processor could not be part of a CUDA graph.
    counts = [torch.ones(len(row), dtype=torch.bool, device=row.device) for row in rows]
    return padded, torch.nn.utils.rnn.pad_sequence(counts, batch_first=True)


def _padded(tokens: list[int], tokenizer: CLIPTokenizer) -> list[int]:
    """BOS, the tokens, EOS, then padding to 77: EOS again for SD 1, the pad token of its own for SD 2."""
    padding = [tokenizer.pad_token_id] * (CHUNK_TOKENS - len(tokens))
    return [tokenizer.bos_token_id, *tokens, tokenizer.eos_token_id, *padding]


def _weighted(encoding: Tensor, weights: list[float]) -> Tensor:
    if all(weight == 1.0 for weight in weights):
        return encoding
    factors = torch.ones(len(encoding), dtype=encoding.dtype, device=encoding.device)
    factors[1 : 1 + len(weights)] = torch.tensor(weights, dtype=encoding.dtype)
    weighted = encoding * factors[:, None]
    before, after = float(encoding.float().mean()), float(weighted.float().mean())
    if min(abs(before), abs(after)) < LEAST_MEAN * float(encoding.float().std()) or before * after < 0:
        return weighted
    return weighted * (before / after)
