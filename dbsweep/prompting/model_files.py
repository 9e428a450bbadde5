"""What names a language model and its tokenizer: folders or hub ids, looked at without loading them. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbsweep.errors import ModelError
from dbsweep.models.hub import ANY_MODEL_WEIGHTS, download
from dbsweep.models.network_folder import CONFIG, local_folder, read_config, with_weights
from dbsweep.models.sources import is_hub_id

_KIND = "language model"
_TAKE = "take one such as Gustavosta/MagicPrompt-Stable-Diffusion"
_GOES_ON = ("ForCausalLM", "LMHeadModel")
"""How transformers calls classes that go on with a text."""

_WORDS = (("tokenizer.json",), ("vocab.json", "merges.txt"), ("tokenizer.model",), ("spiece.model",), ("vocab.txt",))
"""Of these files of a tokenizer one set will do; transformers makes one without words where there is none."""

_TOKENIZER_FILES = ("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt", "spiece.*")
_FILES = (CONFIG, "generation_config.json", *_TOKENIZER_FILES)


@dataclass(frozen=True, slots=True)
class FoundLanguageModel:
    """A model that has been looked at, and not loaded.

    Attributes:
        name: as the person gave it.
        folder: where it lies here; None for one of the hub.
        tokenizer: the folder of its tokenizer.
    """

    name: str
    folder: Path | None
    tokenizer: Path

    def files(self) -> Path:
        """The folder with its weights, which those of the hub are fetched for.

        Raises:
            ModelError, DiskError: as `dbsweep.models.hub.download`.
        """
        return with_weights(self.name, self.folder, _FILES)


def find_language_model(name: str, tokenizer: str | None = None) -> FoundLanguageModel:
    """The model that a name stands for; of one on the hub all but the weights is fetched.

    Args:
        name: a local folder, or a hub id.
        tokenizer: likewise; None for the model's own.

    Raises:
        ModelError: it goes on with no text, lacks files, wants code of its own to be run, or is not to be had.
        DiskError: as `dbsweep.models.hub.download`.
    """
    folder = local_folder(name, _KIND, _TAKE)
    configured = folder
    if configured is None:
        configured = download(name, _FILES, f"model {name}", later=ANY_MODEL_WEIGHTS)
    _refuse_others(read_config(configured, name, _KIND, _TAKE), name)
    if tokenizer is not None:
        return FoundLanguageModel(name, folder, _find_tokenizer(tokenizer))
    if not _has_words(configured):
        raise ModelError(
            f"model {name}: has no tokenizer, it lacks {_lacking()}; name one by --tokenizer, a folder or hub id:"
            " distilbert/distilgpt2 is that of GPT-2 and of what was trained from it"
        )
    return FoundLanguageModel(name, folder, configured)


def _refuse_others(config: dict[str, Any], name: str) -> None:
    """ModelError for what says of itself that it goes on with no text; what says nothing is found out by loading it."""
    classes = config.get("architectures")
    if isinstance(classes, list) and classes and not any(str(each).endswith(_GOES_ON) for each in classes):
        raise ModelError(f"model {name}: its {CONFIG} tells of {classes[0]}, which goes on with no text; {_TAKE}")


def _find_tokenizer(name: str) -> Path:
    folder = Path(name).expanduser()
    if not folder.exists() and is_hub_id(name):
        folder = download(name, _TOKENIZER_FILES, f"tokenizer {name}")
    elif not folder.is_dir():
        raise ModelError(f"tokenizer {name}: no such folder, and not a hub id (owner/name); check the path")
    if not _has_words(folder):
        raise ModelError(f"tokenizer {name}: it lacks {_lacking()}; take another")
    return folder


def _has_words(folder: Path) -> bool:
    return any(all((folder / name).is_file() for name in names) for names in _WORDS)


def _lacking() -> str:
    return " or ".join(" with ".join(names) for names in _WORDS)
