"""Who stays in the race: on made-up cards whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from dbsweep.config.choosing import Constraint
from dbsweep.records.names import Metric
from dbsweep.records.plan import TrialPath
from dbsweep.records.results import Checkpoint, Score, Scorecard
from dbsweep.selection.choice import choose
from dbsweep.selection.pick import ChoiceSettings
from dbsweep.selection.race import RaceSettings, contenders
from dbsweep.selection.smoothing import Row
from dbsweep.selection.utility import JUDGED, Utility
from tests.selection.curves import noisy_cards

SETTINGS = RaceSettings(resamples=2000)
CHOICE = ChoiceSettings(resamples=2000)


def row(scored: Scorecard, branch: str, step: int = 10) -> Row:
    point = Checkpoint(id=scored.checkpoint, branch=branch, step=step, epoch=1, path="", sha256="", bytes=0)
    return branch, point, scored


def race(cards: Sequence[Scorecard], utility: Utility, settings: RaceSettings = SETTINGS) -> tuple[str, ...]:
    """The contenders among checkpoints of one training each."""
    return contenders([row(each, each.checkpoint) for each in cards], utility, settings)


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
    assert race([card("a", 0.3), card("b", 0.8), card("c", 0.5)], Utility(), SETTINGS) == ()


def test_those_that_chance_could_have_put_behind_stay_best_first():
    cards = [card("a", 0.3), card("b", 0.78), card("c", 0.8), card("d", 0.79)]
    assert race(cards, Utility(), SETTINGS) == ("c", "d", "b")


def test_pairing_tells_apart_what_the_scatter_of_seeds_hides():
    """Seeds scatter by 0.2 each; the difference of two checkpoints by a tenth of that."""
    near, far = card("a", 0.75, spread=0.01), card("b", 0.8, spread=0.01)
    assert race([near, far], Utility(), SETTINGS) == ()
    assert race([card("a", 0.75, spread=0.01, seed=1), far], Utility(), SETTINGS) == ("b", "a")


def test_a_tie_that_does_not_matter_is_no_race():
    cards = [card("a", 0.8000, spread=0.002), card("b", 0.8002, spread=0.002)]
    assert race(cards, Utility(), SETTINGS) == ()
    assert race(cards, Utility(), RaceSettings(tie=0.0, resamples=2000)) == ("b", "a")


def test_the_rounds_of_a_race_share_its_error():
    """Utility behind by 0.04: too surely for one round with an error of 5%, not for each of 20 with 0.25%."""
    cards = [card("a", 0.8), card("b", 0.76)]
    assert race(cards, Utility(), SETTINGS) == ()
    assert race(cards, Utility(), RaceSettings(rounds=20, resamples=2000)) == ("a", "b")


def test_one_picture_lets_nobody_go():
    assert race([card("a", 0.3, n=1), card("b", 0.8, n=1)], Utility(), SETTINGS) == ("b", "a")


def test_no_more_than_the_finalists_stay():
    cards = [card(name, 0.8 + 0.001 * place) for place, name in enumerate("abcdef")]
    assert race(cards, Utility(), RaceSettings(finalists=3, resamples=2000)) == ("f", "e", "d")


def test_what_may_meet_a_constraint_stays_however_little_it_is_worth():
    utility = Utility(constraints=(Constraint(Metric.IDENTITY, at_least=True, limit=0.6),))
    sure, unsure = card("a", 0.7), card("b", 0.95, identity=0.59)
    hopeless = card("c", 0.99, identity=0.2)
    assert race([sure, unsure, hopeless], utility, SETTINGS) == ("a", "b")


def test_a_leader_that_may_miss_a_constraint_has_not_won():
    """Every other draw of its identity is below the limit; the other one is worth little and surely above it."""
    utility = Utility(constraints=(Constraint(Metric.IDENTITY, at_least=True, limit=0.6),))
    cards = [card("a", 0.9, identity=0.6), card("b", 0.3, identity=0.8)]
    assert race(cards, Utility(), SETTINGS) == ()
    assert race(cards, utility, SETTINGS) == ("a", "b")
    assert race([card("a", 0.9, identity=0.8), cards[1]], utility, SETTINGS) == ()


def test_a_constraint_may_be_on_what_has_no_weight():
    utility = Utility(weights={Metric.IDENTITY: 1.0}, constraints=(Constraint(Metric.PRIOR, at_least=True, limit=0.6),))
    assert race([card("a", 0.7), card("b", 0.9, prior=0.59), card("c", 0.9, prior=0.1)], utility) == ("a", "b")


@pytest.mark.parametrize("broken", [float("nan"), -0.2])
def test_checkpoints_that_are_worth_nothing_have_no_part(broken: float):
    assert race([card("a", 0.8), card("b", broken), card("c", broken)], Utility(), SETTINGS) == ()


def test_the_best_one_hardly_ever_leaves():
    """Of 200 races in which the true best leads by 0.02 a race with room for all loses it in at most the stated 5%.

    Of six alike the four that may stay by default do not have it with them in 29 of the 200: 0.003 of utility a race.
    """
    assert lost_of_200(finalists=6) <= 10
    assert lost_of_200(finalists=4) * 0.02 / 200 < 0.005


def lost_of_200(finalists: int) -> int:
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
        staying = race(cards, Utility(), RaceSettings(finalists=finalists, resamples=2000))
        best = max(range(6), key=lambda place: Utility().value_of(cards[place]))
        lost += "0" not in staying if staying else best != 0
    return lost


def test_the_same_cards_give_the_same_race():
    cards = [card("a", 0.78), card("b", 0.8), card("c", 0.79)]
    assert race(cards, Utility(), SETTINGS) == race(cards, Utility(), SETTINGS)


def test_whoever_the_choice_would_take_stays() -> None:
    """The last of a training leads by 0.001: less than matters, and too surely less for the one before to win by what
    does. The choice would take the one before. Another training is still in doubt."""
    early, late = card("early", 0.799, spread=0.008), card("late", 0.8, spread=0.008)
    rows = [row(early, "b01", 10), row(late, "b01", 20), row(card("other", 0.79, spread=0.2), "b02")]
    assert choose(rows, settings=CHOICE).best.checkpoint == "early"
    two = RaceSettings(finalists=2, resamples=2000)
    assert contenders(rows[:2], Utility(), SETTINGS, choice=CHOICE) == ()
    assert contenders(rows, Utility(), SETTINGS, choice=CHOICE) == ("late", "other", "early")
    assert contenders(rows, Utility(), two, choice=CHOICE) == ("late", "early")
    forked = [rows[0], row(late, "b03", 20), rows[2]]
    paths = [TrialPath(trial="b03", segments=(("b01", 10), ("b03", 20)), end_step=20)]
    assert contenders(forked, Utility(), SETTINGS, choice=CHOICE) == ("late", "other")
    assert contenders(forked, Utility(), SETTINGS, choice=CHOICE, paths=paths) == ("late", "other", "early")
    bold = ChoiceSettings(standard_errors=0.0)
    assert contenders(rows, Utility(), SETTINGS, choice=bold) == ("late", "other")


def test_race_and_choice_look_at_the_same_scores() -> None:
    """Thirty noisy trainings of eight checkpoints: the race leaves none that the choice would take, though the luckiest
    as measured is another one."""
    other = 0
    for seed in range(30):
        levels = [(0.6 + 0.02 * i, 0.9, 0.9) for i in range(8)]
        rows = [row(scored, "b01", step) for step, scored in noisy_cards(levels, scatter=0.3, seed=seed)]
        staying = contenders(rows, Utility(), RaceSettings(finalists=2, resamples=500), choice=CHOICE)
        taken = choose(rows, settings=CHOICE).best.checkpoint
        other += max(rows, key=lambda each: Utility().value_of(each[2]))[1].id != taken
        assert taken in staying or staying == ()
    assert other >= 5


def test_those_that_have_left_do_not_come_back() -> None:
    rows = [row(card(name, level), name) for name, level in (("a", 0.8), ("b", 0.79), ("c", 0.81))]
    assert contenders(rows, Utility(), SETTINGS, racing={"a", "b"}) == ("a", "b")
