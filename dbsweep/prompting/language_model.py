"""A causal language model of transformers that goes on with a prompt, each time by chances of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from dbsweep.errors import InputError, ModelError
from dbsweep.models.network_loading import load_or_refuse, load_pretrained
from dbsweep.models.quiet import without_reports
from dbsweep.models.refusals import without_numbers
from dbsweep.prompting.chances import ChosenByChance
from dbsweep.prompting.model_files import FoundLanguageModel
from dbsweep.prompting.scripts import begins_anew, may_begin_anew
from dbsweep.prompting.settings import IdeaSettings


@dataclass(frozen=True, slots=True)
class Said:
    """What a model has said behind a prompt.

    Attributes:
        is_whole: whether it came to its end by itself.
    """

    text: str
    is_whole: bool


class LanguageModel:
    """A language model in float32 evaluation mode.

    Args:
        model, tokenizer: of transformers, the model on the device where it computes.
        name: as messages name it.
    """

    def __init__(self, name: str, model: Any, tokenizer: Any) -> None:  # noqa: ANN401
        self._name = name
        self._model = model.eval().requires_grad_(False)
        self._tokenizer = tokenizer
        self._ends = _ends(model.generation_config.eos_token_id, tokenizer.eos_token_id)
        # What its files say of sampling would count where nothing else is said.
        model.generation_config = GenerationConfig()
        self._no_beginnings = self._find_no_beginnings()

    def say(self, prompt: str, chances: Sequence[np.random.Generator], most: int, settings: IdeaSettings) -> list[Said]:
        """What it says behind a prompt, once for each of some chances; it depends on these alone.

        Args:
            prompt: its words as they are read, without grammar.
            most: tokens of the model's own that it says.

        Raises:
            InputError: the prompt is longer than what it reads.
            ModelError: its tokenizer is another model's.
        """
        ids = self._ids(prompt)
        room = self._room(len(ids))
        most = min(most, room) if room is not None else most
        given = torch.tensor([ids] * len(chances), device=self._model.device)
        draws = torch.from_numpy(np.stack([chance.random(most) for chance in chances])).to(given.device)
        told = GenerationConfig(
            max_new_tokens=most,
            do_sample=False,
            repetition_penalty=settings.repetition_penalty,
            begin_suppress_tokens=self._no_beginnings,
            eos_token_id=list(self._ends) or None,
            pad_token_id=self._ends[0] if self._ends else 0,
        )
        with without_reports():
            rows = self._model.generate(
                given,
                attention_mask=torch.ones_like(given),
                generation_config=told,
                logits_processor=_choice(settings, draws, len(ids)),
            )
        return [self._said(ids, row) for row in rows[:, len(ids) :].tolist()]

    def _ids(self, prompt: str) -> list[int]:
        ids = list(self._tokenizer(prompt, verbose=False).input_ids)
        while ids and ids[-1] in self._ends:  # some tokenizers end what they read
            ids.pop()
        if not ids or max(ids) >= self._model.get_input_embeddings().num_embeddings:
            raise ModelError(
                f"model {self._name}: its tokenizer does not fit, {prompt!r} has"
                f" {'words that the model does not know' if ids else 'no words in it'}; name another by --tokenizer"
            )
        return ids

    def _room(self, taken: int) -> int | None:
        """Tokens that may follow; None where the model's files name no limit."""
        limit = getattr(self._model.config.get_text_config(), "max_position_embeddings", None)
        if limit is None:
            return None
        if taken >= limit:
            raise InputError(
                f"a prompt of {taken} tokens is more than model {self._name} goes on with: it reads {limit}"
            )
        return int(limit) - taken

    def _said(self, ids: list[int], new: list[int]) -> Said:
        end = next((place for place, token in enumerate(new) if token in self._ends), None)
        text = self._text([*ids, *new[:end]]).removeprefix(self._text(ids))
        return Said(text, is_whole=end is not None or "\n" in text)

    def _text(self, ids: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def _find_no_beginnings(self) -> list[int]:
        """Tokens that would go on with the prompt's last word, or say nothing, as special ones do."""
        (first, *_) = self._tokenizer("a", add_special_tokens=False).input_ids or [0]
        before = self._text([first])
        pieces = (self._text([first, token]).removeprefix(before) for token in range(len(self._tokenizer)))
        return [token for token, piece in enumerate(pieces) if not begins_anew(piece) and not self._may(token, piece)]

    def _may(self, token: int, piece: str) -> bool:
        """Whether a token that is the beginning of a letter may be one that begins a word."""
        return piece.startswith("\ufffd") and may_begin_anew(self._tokenizer.convert_ids_to_tokens(token))


def _ends(*named: int | Sequence[int] | None) -> tuple[int, ...]:
    """The tokens that end a text, as the model's files and the tokenizer's name them."""
    found = [token for each in named if each is not None for token in ([each] if isinstance(each, int) else each)]
    return tuple(dict.fromkeys(found))


def _choice(settings: IdeaSettings, draws: torch.Tensor, start: int) -> LogitsProcessorList:
    """transformers' own rules of sampling, in its own order, and last the choice."""
    rules: list[Any] = [TemperatureLogitsWarper(settings.temperature)]
    if settings.top_k > 0:
        rules.append(TopKLogitsWarper(settings.top_k))
    if settings.top_p < 1:
        rules.append(TopPLogitsWarper(settings.top_p))
    return LogitsProcessorList([*rules, ChosenByChance(draws, start)])


def load_language_model(found: FoundLanguageModel, device: str | torch.device = "cpu") -> LanguageModel:
    """Load a model; its code is transformers' own, and none that comes with the weights.

    Raises:
        ResourceError: there is no memory for it.
        ModelError: its files cannot be read, lack weights, or hold what are no numbers.
    """
    model = load_pretrained(found.name, AutoModelForCausalLM, found.files())
    with without_reports():
        tokenizer = load_or_refuse(
            found.name,
            lambda: AutoTokenizer.from_pretrained(found.tokenizer, local_files_only=True, trust_remote_code=False),
        )
    if (reason := without_numbers(model)) is not None:
        raise ModelError(f"model {found.name}: says nothing, {reason}; get its files again")
    load_or_refuse(found.name, lambda: model.to(device))
    return LanguageModel(found.name, model, tokenizer)
