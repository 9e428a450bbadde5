"""GPT-2 of random weights, saved as the published ones are, with a byte-level tokenizer that is learnt here."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

END = "<|endoftext|>"
_TEXTS = (
    "photo of ohwx man wearing a red hat, portrait of a woman, highly detailed, sharp focus, trending on artstation",
    "a robot with glasses, digital art by greg rutkowski, cinematic light, neon style, smooth, 8k, (masterpiece)",
)


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """A few hundred tokens as GPT-2's: all bytes, and pieces of the words above with a space before them."""
    whole = Tokenizer(models.BPE())
    whole.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    whole.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=[END], initial_alphabet=sorted(alphabet), show_progress=False
    )
    whole.train_from_iterator(_TEXTS * 2, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=whole, eos_token=END, bos_token=END, unk_token=END)


def write_gpt2(folder: Path, *, context: int = 128, seed: int = 0) -> Path:
    """As Gustavosta/MagicPrompt-Stable-Diffusion is.

    Args:
        context: tokens that it reads.
    """
    tokenizer = tiny_tokenizer()
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=context, n_embd=32, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0
    )
    model = GPT2LMHeadModel(config)
    torch.nn.init.normal_(model.transformer.wte.weight, std=0.3)  # so that it has preferences, which the prompt changes
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
