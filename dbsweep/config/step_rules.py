"""Learning rates that change at steps, in the notation of diffusers' ``piecewise_constant`` schedule."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator

EXAMPLE = "'1:400,0.1' (the whole rate for 400 steps, then a tenth of it)"


@dataclass(frozen=True, slots=True)
class StepRules:
    """Factors of the learning rate by step.

    Attributes:
        spans: (end, factor), by rising end: the factor of updates ``step`` < end (0-based) that no earlier span has.
        last: the factor of all later ones.
    """

    spans: tuple[tuple[int, float], ...]
    last: float

    def span_at(self, step: int) -> tuple[float, int | None]:
        """The factor of the update that leads from ``step`` to ``step + 1``, and the first step with another factor.

        None where it stays for good. Spans in a row that have the same factor are one.
        """
        spans = [*((float(end), factor) for end, factor in self.spans), (math.inf, self.last)]
        ahead = [(end, factor) for end, factor in spans if end > step]
        factor = ahead[0][1]
        same = len(ahead) if all(f == factor for _, f in ahead) else [f == factor for _, f in ahead].index(False)
        end = ahead[same - 1][0]
        return factor, None if math.isinf(end) else int(end)


@lru_cache(maxsize=1024)
def step_rules(text: str) -> StepRules:
    """The rules that a text states: ``factor:steps,factor:steps,…,factor``.

    Raises:
        ValueError: it states none.
    """
    *firsts, last = text.split(",")
    try:
        pairs = [rule.split(":") for rule in firsts]
        spans = tuple((int(end), float(factor)) for factor, end in pairs)
        rules = StepRules(spans, float(last))
    except ValueError as error:
        raise ValueError(f"must be like {EXAMPLE}, got {text!r}") from error
    ends, factors = [end for end, _ in rules.spans], [*(factor for _, factor in rules.spans), rules.last]
    if not all(a < b for a, b in zip([0, *ends], ends, strict=False)):
        raise ValueError(f"needs steps that rise from above 0, got {text!r}")
    if not all(0.0 <= factor < math.inf for factor in factors):
        raise ValueError(f"needs factors of 0 or more, got {text!r}")
    return rules


def _checked(text: str) -> str:
    step_rules(text)
    return text


StepRulesText = Annotated[str, AfterValidator(_checked)]
"""A text that `step_rules` accepts."""
