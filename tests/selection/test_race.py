"""Who stays in the race: on made-up cards whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from dbsweep.config.choosing import Constraint
from dbsweep.records.names import Metric
from dbsweep.records.results import Score, Scorecard
from dbsweep.selection.race import RaceSettings, contenders
from dbsweep.selection.utility import JUDGED, Utility

SETTINGS = RaceSettings(resamples=2000)


def card(name: str, level: float, *, spread: float = 0.1, n: int = 16, seed: int = 0, **levels: float) -> Scorecard:
    """Samples about a level; the seed's own offsets are shared by all cards, as paired images share them."""
    rows = np.random.default_rng(seed).normal(0.0, 0.2, (len(JUDGED), n))
    own = np.random.default_rng(sum(map(ord, name))).normal(0.0, spread, (len(JUDGED), n))
    own -= own.mean(axis=1, keepdims=True)
    scores = {}
    for place, metric in enumerate(JUDGED):
        samples = levels.get(metric.value, level) + rows[place] - rows[place].mean() + own[place]
        value = float(samples.mean())
        scores[metric] = Score(value=value, low=value, high=value, samples=tuple(samples.tolist()))
    return Scorecard(checkpoint=name, scores=scores, images=())


def test_one_that_is_far_ahead_has_won():
    assert contenders([card("a", 0.3), card("b", 0.8), card("c", 0.5)], Utility(), SETTINGS) == ()


def test_those_that_chance_could_have_put_behind_stay_best_first():
    cards = [card("a", 0.3), card("b", 0.78), card("c", 0.8), card("d", 0.79)]
    assert contenders(cards, Utility(), SETTINGS) == (2, 3, 1)


def test_pairing_tells_apart_what_the_scatter_of_seeds_hides():
    """Seeds scatter by 0.2 each; the difference of two checkpoints by a tenth of that."""
    near, far = card("a", 0.75, spread=0.01), card("b", 0.8, spread=0.01)
    assert contenders([near, far], Utility(), SETTINGS) == ()
    assert contenders([card("a", 0.75, spread=0.01, seed=1), far], Utility(), SETTINGS) == (1, 0)


def test_a_tie_that_does_not_matter_is_no_race():
    cards = [card("a", 0.8000, spread=0.002), card("b", 0.8002, spread=0.002)]
    assert contenders(cards, Utility(), SETTINGS) == ()
    assert contenders(cards, Utility(), RaceSettings(tie=0.0, resamples=2000)) == (1, 0)


def test_no_more_than_the_finalists_stay():
    cards = [card(name, 0.8 + 0.001 * place) for place, name in enumerate("abcdef")]
    assert contenders(cards, Utility(), RaceSettings(finalists=3, resamples=2000)) == (5, 4, 3)


def test_what_may_meet_a_constraint_stays_however_little_it_is_worth():
    utility = Utility(constraints=(Constraint(Metric.IDENTITY, at_least=True, limit=0.6),))
    sure, unsure = card("a", 0.7), card("b", 0.95, identity=0.59)
    hopeless = card("c", 0.99, identity=0.2)
    assert contenders([sure, unsure, hopeless], utility, SETTINGS) == (0, 1)


@pytest.mark.parametrize("broken", [float("nan"), -0.2])
def test_checkpoints_that_are_worth_nothing_have_no_part(broken: float):
    assert contenders([card("a", 0.8), card("b", broken), card("c", broken)], Utility(), SETTINGS) == ()


def test_the_best_one_hardly_ever_leaves():
    """Of 200 races in which the true best leads by 0.02 it is lost to the race in at most the stated 5%."""
    lost = 0
    for trial in range(200):
        rng = np.random.default_rng(trial)
        cards = []
        for place, level in enumerate([0.72, *([0.7] * 5)]):
            scores = {}
            for metric in JUDGED:
                samples = level + rng.normal(0.0, 0.15, 8)
                value = float(samples.mean())
                scores[metric] = Score(value=value, low=value, high=value, samples=tuple(samples.tolist()))
            cards.append(Scorecard(checkpoint=str(place), scores=scores, images=()))
        staying = contenders(cards, Utility(), RaceSettings(resamples=2000))
        best = max(range(6), key=lambda place: Utility().value_of(cards[place]))
        lost += 0 not in staying if staying else best != 0
    assert lost <= 10


def test_the_same_cards_give_the_same_race():
    cards = [card("a", 0.78), card("b", 0.8), card("c", 0.79)]
    assert contenders(cards, Utility(), SETTINGS) == contenders(cards, Utility(), SETTINGS)
