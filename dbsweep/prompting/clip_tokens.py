"""How many tokens of CLIP a prompt has: those of every Stable Diffusion 1.x and 2.x, whose tokenizers are one."""

from __future__ import annotations

import gzip
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from transformers import CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

from dbsweep.config.messages import shown
from dbsweep.errors import InputError, ResourceError
from dbsweep.sampling.grammar import Fragment, parse

_MERGES = 48_894
"""Of the 49,408 words of CLIP's vocabulary; the file has more, which CLIP does not use."""


def count_tokens(prompt: str) -> int:
    """Of the words of a prompt, brackets and weights not counted, as A1111 shows them."""
    tokenizer = _tokenizer()
    texts = [part.text for part in parse(prompt) if isinstance(part, Fragment)]
    return sum(len(tokenizer(text, add_special_tokens=False, verbose=False).input_ids) for text in texts)


def room_behind(prompt: str, most: int) -> int:
    """Tokens that may follow a prompt, 1 or more; InputError where it has as many as are allowed already."""
    tokens = count_tokens(prompt)
    if tokens >= most:
        raise InputError(
            f"{shown(prompt)} has {tokens:,} tokens, so --max-tokens {most} leaves no room behind it: give more, or a"
            " shorter prompt"
        )
    return most - tokens


@lru_cache(maxsize=1)
def _tokenizer() -> CLIPTokenizer:
    """From the list of merges that comes with open_clip, which is not imported: it takes seconds."""
    package = find_spec("open_clip")
    if package is None or package.origin is None:
        raise ResourceError("open_clip is not installed, which has CLIP's words: pip install open-clip-torch")
    file = Path(package.origin).parent / "bpe_simple_vocab_16e6.txt.gz"
    lines = gzip.decompress(file.read_bytes()).decode("utf-8").split("\n")[1 : 1 + _MERGES]
    merges = [tuple(line.split()) for line in lines]
    letters = list(bytes_to_unicode().values())
    words = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges)]
    vocabulary = {word: place for place, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(vocab=vocabulary, merges=merges)
