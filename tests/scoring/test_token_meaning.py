"""Whether a word moves the base model's pictures: arithmetic by hand, error rates, and what is too little to tell."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dbsweep.concepts.token import TokenSplit
from dbsweep.records.names import PromptKind
from dbsweep.scoring.metrics import Floats
from dbsweep.scoring.prompts import EvaluationPrompt
from dbsweep.scoring.reference import build_reference
from dbsweep.scoring.token_meaning import (
    OWN_MEANING,
    has_meaning,
    interval,
    shift_effect,
    token_meanings,
    token_prompts,
)
from tests.scoring.corner import CornerEncoder, pixels
from tests.scoring.men import MEN, PHOTOS, PROMPTS, base_images, unit

SEEDS = (1, 2, 3, 4)
OHWX = TokenSplit("ohwx", ("oh", "wx</w>"), known=True)


PLAIN = np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 0.0]])
"""Their variance is 1."""


def test_the_shift_is_measured_in_spreads_of_the_plain_pictures() -> None:
    """Σd = 6 and Σ|d|² = 9 + 1 + 4, so (36 - 14) / 6 over 1."""
    named = PLAIN + np.array([[0.0, 3.0], [0.0, 1.0], [0.0, 2.0]])
    assert shift_effect(named, PLAIN) == pytest.approx(22 / 6)


def test_shifts_that_cancel_are_no_meaning() -> None:
    """Σd = 0 and Σ|d|² = 4: -4 / 12, over the variance 4 / 3 of two plain pictures at 1 and two at -1."""
    plain = np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]])
    named = plain + np.array([[0.0, 1.0], [0.0, -1.0], [0.0, 1.0], [0.0, -1.0]])
    assert shift_effect(named, plain) == pytest.approx(-0.25)


def test_the_interval_is_the_jackknifes() -> None:
    """Without one picture the numerator is 4/2, 12/2 and 6/2, the denominator 1/2, 1/2 and 2.

    The ratios 4, 12 and 1.5 have the mean 5.8333; their squared deviations sum to 60.1667, so the error is
    √(2/3 · 60.1667) = 6.3333. The differences at 0.64, 1.68, 5.68 and 1.72, sum to 10.5611: √(2/3 · 10.5611) = 2.6534.
    Student's t of 2 degrees is 4.3027.
    """
    named = PLAIN + np.array([[0.0, 3.0], [0.0, 1.0], [0.0, 2.0]])
    ratio = interval(named, PLAIN, lambda common, spread: common / spread)
    difference = interval(named, PLAIN, lambda common, spread: common - 0.64 * spread)
    assert ratio == pytest.approx((22 / 6 - 4.30265 * 6.33333, 22 / 6 + 4.30265 * 6.33333), rel=1e-4)
    assert difference == pytest.approx((3.02667 - 4.30265 * 2.65344, 3.02667 + 4.30265 * 2.65344), rel=1e-4)


@pytest.mark.parametrize(
    "plain", [[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0]] * 4], ids=["two pictures", "all pictures alike"]
)
def test_nothing_is_told_from_two_pictures_or_from_one_over_and_over(plain: list[list[float]]) -> None:
    assert has_meaning(np.array(plain) + 1.0, np.array(plain)) is None


@pytest.mark.parametrize("plain", [[[1.0, 0.0]], [[1.0, 0.0]] * 4], ids=["one picture", "all pictures alike"])
def test_without_a_spread_there_is_no_effect(plain: list[list[float]]) -> None:
    assert math.isnan(shift_effect(np.array(plain) + 1.0, np.array(plain)))


def drawn(rng: np.random.Generator, n: int, effect: float) -> tuple[Floats, Floats]:
    """Pictures of unit variance in all, and as many that share half of it and are shifted."""
    plain = rng.standard_normal((n, 12)) / math.sqrt(12)
    named = 0.5 * plain + 0.7 * rng.standard_normal((n, 12)) / math.sqrt(12)
    named[:, 0] += math.sqrt(effect)
    return named, plain


@pytest.mark.parametrize("n", [4, 8, 16])
def test_at_the_threshold_either_answer_is_seldom_given(n: int) -> None:
    """Wrong at most 6 times in 100 each, and chance on top of it."""
    rng = np.random.default_rng(n)
    answers = [has_meaning(*drawn(rng, n, OWN_MEANING)) for _ in range(200)]
    assert answers.count(True) <= 16
    assert answers.count(False) <= 16


@pytest.mark.parametrize(("effect", "answer"), [(0.0, False), (2.0, True)])
def test_more_pictures_tell_what_few_cannot(effect: float, answer: bool) -> None:
    rng = np.random.default_rng(0)

    def told(n: int) -> int:
        return [has_meaning(*drawn(rng, n, effect)) for _ in range(100)].count(answer)

    assert told(3) < 60
    assert told(16) > 90


def test_the_prompts_are_the_plain_instance_prompts_that_name_their_token() -> None:
    in_context = EvaluationPrompt(PromptKind.INSTANCE, 0, 1, "ohwx man, on a beach", "man, on a beach")
    nameless = EvaluationPrompt(PromptKind.INSTANCE, 1, 0, "a caption", "a caption")
    assert token_prompts([*PROMPTS, in_context, nameless]) == PROMPTS[:1]


@pytest.mark.parametrize(("moved", "known"), [(3.0, True), (0.0, False)])
def test_words_that_move_all_pictures_far_are_known(corner: CornerEncoder, moved: float, known: bool) -> None:
    """All men moved far along blue are blue; those that are not moved are the men."""
    blue = np.array([0.0, 0.0, moved])
    reference = build_reference(PROMPTS, SEEDS, base_images(), PHOTOS, corner)
    images = {"photo of ohwx man": [pixels(unit(man + blue)) for man in MEN]}
    (found,) = token_meanings(PROMPTS[:1], [OHWX], images, corner, reference)
    assert (found.token, found.pieces) == ("ohwx", ("oh", "wx"))
    assert (found.prompt, found.base_prompt) == ("photo of ohwx man", "photo of man")
    assert (found.images, found.known) == (4, known)


def test_two_pictures_do_not_tell(corner: CornerEncoder) -> None:
    reference = build_reference(PROMPTS, SEEDS, base_images(), PHOTOS, corner)
    images = {"photo of ohwx man": [pixels(unit(man)) for man in MEN[:2]]}
    (found,) = token_meanings(PROMPTS[:1], [OHWX], images, corner, reference)
    assert (found.images, found.known) == (2, None)
    assert found.effect == pytest.approx(0.0), "the pictures of the first seeds are the same without the word"


def test_each_concept_has_its_own_token(corner: CornerEncoder) -> None:
    dog = EvaluationPrompt(PromptKind.INSTANCE, 1, 0, "photo of sks man", "photo of man")
    reference = build_reference([*PROMPTS, dog], SEEDS, base_images(), [*PHOTOS, *PHOTOS], corner)
    images = {"photo of sks man": [pixels(unit(man)) for man in MEN]}
    (found,) = token_meanings([dog], [OHWX, TokenSplit("sks", ("sks</w>",), known=True)], images, corner, reference)
    assert (found.token, found.pieces) == ("sks", ("sks",))
