"""Prompts that teach something else than their author may think."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dbsweep.config.concept import FILEWORDS, Concept, contains_words

_WEIGHT = re.compile(r"(?<!\\)[(\[]")


def prompt_warnings(concept: Concept) -> Iterator[str]:
    """One sentence for each kind of fault of one concept's prompts."""
    noun = concept.class_token
    trained = {"instance_prompt": concept.instance_prompt, "class_prompt": concept.class_prompt}
    for name, prompt in trained.items():
        if FILEWORDS not in prompt and not contains_words(prompt, noun):
            yield (
                f"{name} {prompt!r} is without the class word {noun!r}, by which the subject keeps what the base model"
                " knows of its class: add it, or make class_token the word that the prompts have"
            )
        if _WEIGHT.search(prompt.replace(FILEWORDS, "")):
            fix = (
                "leave them out, or draw with them by sample_prompt" if name == "instance_prompt" else "leave them out"
            )
            yield f"{name} {prompt!r} has brackets, which are text in training and weights in drawing: {fix}"


def named_elsewhere(concepts: Sequence[Concept]) -> Iterator[str]:
    """Which concepts are taught by prompts that name the subject of another."""
    for concept in concepts:
        others = [other.instance_token for other in concepts if other is not concept]
        found = [token for token in others if contains_words(concept.instance_prompt, token)]
        if found:
            yield (
                f"{concept.instance_token}: instance_prompt names {' and '.join(found)} too, which will mean what is on"
                " these photos as well; leave it out where they do not show it"
            )
