"""Tokenizers of base models, read without loading torch."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import try_to_load_from_cache
from transformers import CLIPTokenizer

from dbsweep.models.refusals import read_or_refuse
from dbsweep.models.sources import is_hub_id


def find_tokenizer(source: str) -> CLIPTokenizer | None:
    """The tokenizer of a base model, if it lies on this machine: nothing is downloaded for it.

    Raises:
        ModelError: it is damaged.
    """
    path = Path(source)
    if path.is_file():
        folder = path.with_suffix("")
    elif path.is_dir() or not is_hub_id(source):
        folder = path
    else:
        cached = try_to_load_from_cache(source, "tokenizer/vocab.json")
        folder = Path(cached).parents[1] if isinstance(cached, str) else path
    if not (folder / "tokenizer").is_dir():
        return None
    return read_or_refuse(source, "tokenizer", lambda: read_tokenizer(folder))


def read_tokenizer(folder: Path) -> CLIPTokenizer:
    """Of a diffusers folder."""
    return CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
