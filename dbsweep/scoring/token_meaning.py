"""Whether the base model already draws something of its own for an instance token."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.special import stdtrit

from dbsweep.concepts.token import TokenSplit
from dbsweep.records.names import PromptKind
from dbsweep.records.results import TokenMeaning
from dbsweep.scoring.encoders import Encoder, Pixels
from dbsweep.scoring.metrics import Floats
from dbsweep.scoring.prompts import EvaluationPrompt
from dbsweep.scoring.reference import Reference

OWN_MEANING = 0.8**2
"""Effect from which a word means something of its own: a common shift of 0.8 standard deviations, "large" in Cohen 1988
("Statistical Power Analysis", section 2.2.3). A smaller one is what any word does: every word of a prompt takes some
attention from the others, so with enough pictures even the emptiest changes them by more than chance."""

TAIL = 0.025
"""Chance on either side of the interval."""

_ALIKE = 1e-9
"""Variance of normalised embeddings below which pictures are the same but for rounding."""


def token_prompts(prompts: Sequence[EvaluationPrompt]) -> tuple[EvaluationPrompt, ...]:
    """For each concept the prompt whose pictures tell: its instance prompt, where that names the token itself."""
    instance = [prompt for prompt in prompts if prompt.kind is PromptKind.INSTANCE and prompt.prompt_index == 0]
    return tuple(prompt for prompt in instance if prompt.prompt != prompt.base_prompt)


def token_meanings(
    prompts: Sequence[EvaluationPrompt],
    tokens: Sequence[TokenSplit],
    drawn: Mapping[str, Sequence[Pixels]],
    encoder: Encoder,
    reference: Reference,
) -> tuple[TokenMeaning, ...]:
    """What the base model's own pictures say of each token.

    Args:
        prompts: from `token_prompts`.
        tokens: of every concept, as the tokenizer splits it.
        drawn: for each prompt's text with the token what the base model drew, of the reference's first seeds.
        encoder: the one that made the reference.
    """
    found = []
    for prompt in prompts:
        named = encoder.encode_images(drawn[prompt.prompt])
        plain = reference.base[prompt.key][: len(named)]
        found.append(
            TokenMeaning(
                token=tokens[prompt.concept].word,
                pieces=tokens[prompt.concept].shown,
                prompt=prompt.prompt,
                base_prompt=prompt.base_prompt,
                images=len(named),
                effect=shift_effect(named, plain),
                known=has_meaning(named, plain),
            )
        )
    return tuple(found)


def shift_effect(named: Floats, plain: Floats) -> float:
    """How far a word moves all pictures the same way, against how much pictures without it differ anyway.

    With the shift d_i = named_i - plain_i of seed i: (|Σd|² - Σ|d_i|²) / (n(n - 1)), which is |E d|² without bias (Chen
    and Qin 2010, "A two-sample test for high-dimensional data", section 2: the sum without its diagonal), over
    Σ|plain_i - mean|² / (n - 1). It is Cohen's d squared, in many dimensions: 0 = no common shift, 1 = a shift as long
    as the standard deviation of the plain pictures; a little below 0 by chance, not bounded above; larger is more
    meaning. NaN for fewer than two pictures, or where the plain ones are all alike.

    Args:
        named, plain: (n, d), paired rows: the same seed with and without the word.
    """
    if len(plain) < 2:
        return float("nan")
    common, spread = _parts(named, plain)
    return common / spread if spread > _ALIKE else float("nan")


def has_meaning(named: Floats, plain: Floats, threshold: float = OWN_MEANING) -> bool | None:
    """Whether `shift_effect` is surely beyond the threshold, surely not, or (None) not to be told from these pictures.

    "Beyond" is asked of numerator - threshold · denominator (Fieller 1954, "Some problems in interval estimation"):
    where few plain pictures happen to lie close together, the ratio's own interval means nothing. "Not" is asked of
    the ratio, which is small then. A test holds that at the threshold either answer is seldom given.

    Args:
        named, plain: as for `shift_effect`.
        threshold: of the effect.
    """
    if len(plain) < 3 or _parts(named, plain)[1] <= _ALIKE:
        return None
    if interval(named, plain, lambda common, spread: common - threshold * spread)[0] > 0.0:
        return True
    _, high = interval(named, plain, lambda common, spread: common / spread if spread > _ALIKE else math.inf)
    return False if high < threshold else None


def interval(named: Floats, plain: Floats, statistic: Callable[[float, float], float]) -> tuple[float, float]:
    """95% interval: Student's t around the jackknife's standard error (Efron and Tibshirani 1993, chapter 11).

    Args:
        named, plain: (n, d), at least three rows.
        statistic: of the effect's numerator and denominator.
    """
    n, everything = len(plain), np.arange(len(plain))
    without = np.array([statistic(*_parts(named[k], plain[k])) for k in (np.delete(everything, i) for i in range(n))])
    error = float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
    center, reach = statistic(*_parts(named, plain)), float(stdtrit(n - 1, 1.0 - TAIL)) * error
    return center - reach, center + reach


def _parts(named: Floats, plain: Floats) -> tuple[float, float]:
    """Numerator and denominator of the effect."""
    plain = np.asarray(plain, dtype=np.float64)
    n, shifts = len(plain), named - plain
    total = shifts.sum(axis=0)
    common = (total @ total - (shifts**2).sum()) / (n * (n - 1))
    return float(common), float(((plain - plain.mean(axis=0)) ** 2).sum() / (n - 1))
