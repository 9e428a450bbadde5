"""How ideas are looked for: what a person says of it, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dbsweep.errors import InputError

CLIP_TOKENS = 75
"""That one chunk of CLIP's text encoder holds, its first and last token not counted."""


@dataclass(frozen=True, slots=True)
class IdeaSettings:
    """How a language model goes on with a prompt; defaults as those of A1111's extension "Prompt Generator".

    Attributes:
        count: ideas for each prompt.
        max_tokens: the most of CLIP's tokens that a whole prompt may have, the given words among them.
        temperature: above 1 seldom words come oftener, below it more seldom.
        top_k: how many tokens, the likeliest, are chosen from; 0 for all.
        top_p: the likeliest tokens that have this probability together are chosen from; 1 for all.
        repetition_penalty: what has been said counts so many times less (Keskar et al. 2019, section 4.1); 1 for no
            penalty.
        seed: other ideas come of another.
    """

    count: int = 10
    max_tokens: int = CLIP_TOKENS
    temperature: float = 0.9
    top_k: int = 8
    top_p: float = 1.0
    repetition_penalty: float = 1.2
    seed: int = 0

    def __post_init__(self) -> None:
        """InputError for a number that is out of its range, naming the option."""
        _refuse_below(1, {"--count": self.count, "--max-tokens": self.max_tokens})
        _refuse_below(0, {"--top-k": self.top_k, "--seed": self.seed})
        if not 0 < self.top_p <= 1:
            raise InputError(f"--top-p {self.top_p}: must be more than 0 and at most 1; 1 chooses from all tokens")
        if not (0 < self.temperature < math.inf):
            raise InputError(f"--temperature {self.temperature}: must be more than 0, and a number; 0.9 is usual")
        if not (0 < self.repetition_penalty < math.inf):
            raise InputError(
                f"--repetition-penalty {self.repetition_penalty}: must be more than 0, and a number; 1 is no penalty"
            )


def _refuse_below(least: int, numbers: dict[str, int]) -> None:
    for option, number in numbers.items():
        if number < least:
            raise InputError(f"{option} {number}: must be at least {least}")
