"""Which prompts are drawn at every checkpoint, and what the base model is asked in their place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from dbsweep.config.schema import Concept
from dbsweep.records.names import PromptKind

PromptKey: TypeAlias = tuple[PromptKind, int, int]
"""(kind, concept, prompt_index), as in `dbsweep.records.results.SampleImage`."""


@dataclass(frozen=True)
class EvaluationPrompt:
    """One prompt of the evaluation.

    Attributes:
        kind, concept, prompt_index: which prompt of which concept, 0-based within its kind.
        prompt: what a checkpoint draws: "photo of ohwx man, ink poster style".
        base_prompt: the same with the class noun for the subject, which the untrained model understands, and which
            prompt fidelity compares with: "photo of man, ink poster style".
    """

    kind: PromptKind
    concept: int
    prompt_index: int
    prompt: str
    base_prompt: str

    @property
    def key(self) -> PromptKey:
        """What tells it from the others."""
        return (self.kind, self.concept, self.prompt_index)


def evaluation_prompts(concepts: Sequence[Concept], contexts: Sequence[str] = ()) -> tuple[EvaluationPrompt, ...]:
    """The prompts of all concepts: for each one its instance prompt, its sanity prompts, that of its class.

    Args:
        contexts: follow the instance prompt and that of the class after a comma, each in a further prompt of its kind.
    """
    prompts = []
    for index, concept in enumerate(concepts):
        texts = [(PromptKind.INSTANCE, place, text) for place, text in _in_contexts(concept.instance_prompt, contexts)]
        texts += [(PromptKind.SANITY, place, text) for place, text in enumerate(concept.sanity_prompts)]
        asked = concept.prior_prompt or concept.class_prompt
        texts += [(PromptKind.CLASS, place, text) for place, text in _in_contexts(asked, contexts)]
        prompts += [
            EvaluationPrompt(kind, index, place, text, base_prompt(text, concepts)) for kind, place, text in texts
        ]
    return tuple(prompts)


def _in_contexts(prompt: str, contexts: Sequence[str]) -> list[tuple[int, str]]:
    return list(enumerate([prompt, *(f"{prompt}, {context}" for context in contexts)]))


def base_prompt(prompt: str, concepts: Sequence[Concept]) -> str:
    """Put the class noun in place of every subject that the prompt names.

    "ohwx man" becomes "man". A token without its class noun beside it becomes the noun, unless the prompt has the noun
    elsewhere; then it goes, with the commas, brackets and spaces that it leaves empty.
    """
    for concept in concepts:
        prompt = _without_token(prompt, concept.instance_token, concept.class_token)
    return prompt


def _without_token(prompt: str, token: str, noun: str) -> str:
    name = rf"(?<!\w){re.escape(token)}(?!\w)"
    if not re.search(name, prompt, re.IGNORECASE):
        if token not in prompt:
            return prompt
        name = re.escape(token)  # part of a longer word
    prompt = re.sub(rf"{name}\s+(?={re.escape(noun)}(?!\w))", "", prompt, flags=re.IGNORECASE)
    has_noun = re.search(rf"(?<!\w){re.escape(noun)}(?!\w)", prompt, re.IGNORECASE)
    prompt, removed = re.subn(name, "" if has_noun else noun, prompt, flags=re.IGNORECASE)
    return _tidy(prompt) if removed and has_noun else prompt


def _tidy(prompt: str) -> str:
    prompt = re.sub(r"[(\[]\s*(:[\d.]+)?\s*[)\]]", "", prompt)
    prompt = re.sub(r"(\s*,)+", ",", prompt)
    return re.sub(r"\s+", " ", prompt).strip(" ,")
