"""The vocabulary of MiniSD: CLIP's byte-level BPE, learnt from our own captions and a plain list of English words."""

from __future__ import annotations

import json
from collections import Counter
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from transformers import CLIPTokenizer

from dbsweep.minisd.captions import describe
from dbsweep.minisd.world import draw_sample

RARE_TOKENS: Final = ("ohwx", "sks", "zwx", "ukj", "rkq", "vdz", "pxlw", "jqv")
"""Each is one token of the vocabulary, in no caption, its embedding never trained."""
MERGES: Final = 1500
MAX_LENGTH: Final = 77
START, END, WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"


def byte_letters() -> list[str]:
    """Return the 256 letters that stand for bytes, in GPT-2's order (printable ones for themselves)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [value for value in range(256) if value not in plain]
    return [chr(value) for value in plain] + [chr(256 + index) for index in range(len(others))]


def count_words(seed: int, captions: int) -> Counter[str]:
    """Return how often each word occurs in captions of the training stream, and in the word list."""
    counts: Counter[str] = Counter()
    for index in range(captions):
        caption = describe(draw_sample(seed, index), np.random.default_rng([seed, index, 7]))
        counts.update(word.strip(",") for word in caption.text.split())
    listed = resources.files("dbsweep.minisd").joinpath("words.txt").read_text(encoding="utf-8")
    counts.update(dict.fromkeys(sorted(set(listed.split())), 12))
    return counts


def learn_merges(counts: Counter[str], merges: int) -> list[tuple[str, str]]:
    """Return the byte pairs that BPE merges, most frequent first; ties go to the alphabet."""
    words = {word: [*word[:-1], word[-1] + WORD_END] for word in counts}
    learnt: list[tuple[str, str]] = []
    while len(learnt) < merges:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, pieces in words.items():
            for pair in pairwise(pieces):
                pairs[pair] += counts[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        learnt.append(best)
        words = {word: _merged(pieces, best) for word, pieces in words.items()}
    return learnt


def _merged(pieces: list[str], pair: tuple[str, str]) -> list[str]:
    if pair[0] not in pieces:
        return pieces
    out: list[str] = []
    for piece in pieces:
        if out and (out[-1], piece) == pair:
            out[-1] += piece
        else:
            out.append(piece)
    return out


def rare_merges(token: str) -> list[tuple[str, str]]:
    """Return the merges that build `token` from its letters, left to right."""
    letters = [*token[:-1], token[-1] + WORD_END]
    return [("".join(letters[:i]), letters[i]) for i in range(1, len(letters))]


def build_tokenizer(seed: int = 0, captions: int = 6000, merges: int = MERGES) -> CLIPTokenizer:
    """Learn the vocabulary; the same arguments always give the same ids."""
    pairs = learn_merges(count_words(seed, captions), merges)
    pairs += [pair for token in RARE_TOKENS for pair in rare_merges(token) if pair not in pairs]
    letters = byte_letters()
    entries = [*letters, *(letter + WORD_END for letter in letters), *(a + b for a, b in pairs), START, END]
    vocab = {entry: index for index, entry in enumerate(dict.fromkeys(entries))}
    return CLIPTokenizer(vocab=vocab, merges=pairs, model_max_length=MAX_LENGTH)


def save_tokenizer(tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Write the tokenizer as `from_pretrained` reads it, with the `vocab.json` and `merges.txt` of SD."""
    tokenizer.save_pretrained(folder)
    vocab = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    (folder / "vocab.json").write_text(json.dumps(dict(vocab), ensure_ascii=False), encoding="utf-8")
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    lines = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(lines) + "\n", encoding="utf-8")
