"""What A1111 reads in a prompt and is text here, so that a person is told before they wonder at the picture."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_NETWORK = re.compile(r"<\w+:[^<>]*>")
_SCHEDULE = re.compile(r"(?<!\\)\[[^\[\]]*(?::[^\[\]]*:?\s*[\d.]+\s*|\|[^\[\]]*)\]")
_COMPOSITION = re.compile(r"\bAND\b")


def unread_notation(prompts: Iterable[str]) -> Iterator[str]:
    """One sentence for each notation that some prompt has, with the first that has it."""
    prompts = tuple(prompts)
    for pattern, why in (
        (
            _NETWORK,
            "no LoRA is loaded by its name; a run of a LoRA draws with it, of another merge it into a model first",
        ),
        (_SCHEDULE, "words are not scheduled"),
        (_COMPOSITION, "prompts are not composed"),
    ):
        found = next((match for match in map(pattern.search, prompts) if match is not None), None)
        if found is not None:
            yield f"{found[0]} in a prompt is text here: {why}"
