"""What a sweep costs until its choice is made, in UNet forward passes of one image, counted along known curves.

An optimizer step costs `SubjectCurves.step_cost` (a backward pass counts as two forward ones), a scorecard
`SubjectCurves.card_evaluations`. Every way pays once for the base model's images, ours for those that its race may
need too. Class images, which all need alike, are left out. All ways take the same grid of settings and lengths:

- grid: every setting is trained at every length, each from the base model to its own end, and scored there; the
  product's choice is taken.
- ASHA: the same independent trials, but Ray's `ASHAScheduler` ends those that are not among the best third at rungs of
  1, 3, 9 ... checkpoints; scored at rungs and at their ends. Two trials at a time, in random order, averaged over
  orders. The best last result is taken.
- dbsweep: one training for each setting, of which every length is a checkpoint, and looked at or passed over; it
  is ended where its verdict is overtrained, or where the others are better (`benchmarks.selection_schedule`); then late
  looks beside the best, and the race.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from types import SimpleNamespace
from typing import Final

import numpy as np

from benchmarks.selection_curves import SubjectCurves, name_of
from benchmarks.selection_methods import Judged, regret
from benchmarks.selection_ours import NO_RACE, WAY, Outcome, Place, outcome
from benchmarks.selection_plan import EVALUATE, MOST_IMAGES
from benchmarks.selection_race import Raced, looks
from benchmarks.selection_schedule import REDUCTION, WAYS, WORKERS
from dbsweep.config.choosing import Choosing
from dbsweep.config.evaluate import Evaluate
from dbsweep.records.names import BASE
from dbsweep.selection.utility import utility_for

EVALUATED: Final = Evaluate.model_validate(EVALUATE)
FIRST_LOOK: Final = EVALUATED.images_per_prompt
RACES: Final = {"none": {"enabled": False}, "8": {"images_per_prompt": 8}, "16": {"images_per_prompt": 16}}
ORDERS: Final = 10


@dataclass(frozen=True)
class Spent:
    """What a way of searching took, and what it chose.

    Attributes:
        evaluations: UNet forward passes of one image.
        place: the chosen checkpoint.
    """

    evaluations: float
    place: Place


@cache
def grid(subject: Judged) -> Spent:
    """The plain grid."""
    curves = subject.curves
    total = curves.card_evaluations
    for trial in curves.trials:
        total += sum(curves.step_cost(trial) * step + curves.card_evaluations for step in trial.steps)
    return Spent(total, outcome(curves, subject.ours["whole"].ends, evaluate=NO_RACE).place)


def tree(subject: Judged, way: str = WAY) -> Spent:
    """Ours."""
    return spent_on(subject.curves, subject.ours[way])


def spent_on(curves: SubjectCurves, ours: Outcome, evaluate: Evaluate = EVALUATED) -> Spent:
    """What one of our outcomes took, under these settings of the race."""
    total = curves.base_evaluations * evaluate.levels[-1] / MOST_IMAGES
    total += ours.raced.images * curves.card_evaluations / FIRST_LOOK + ours.looks * curves.card_evaluations
    total += sum(curves.step_cost(t) * t.steps[end] for t, end in zip(curves.trials, ours.ends, strict=True))
    return Spent(total, ours.place)


def races(subjects: Sequence[Judged]) -> dict[str, dict[str, float]]:
    """By the most images a prompt that a race may draw, none being no race: regret, UNet evaluations, the grid's over
    ours, and how many closer looks the curves were asked for and do not have."""
    found = {}
    theirs = sum(grid(subject).evaluations for subject in subjects)
    for name, race in RACES.items():
        evaluate = Evaluate.model_validate({**EVALUATE, "race": race})
        outcomes = [subject.run_again(evaluate=evaluate) for subject in subjects]
        pairs = list(zip(subjects, outcomes, strict=True))
        ours = sum(spent_on(subject.curves, each, evaluate).evaluations for subject, each in pairs)
        found[name] = {
            "regret": float(np.mean([regret(subject, [each.place]) for subject, each in pairs])),
            "evaluations": ours / len(subjects),
            "cost_vs_grid": theirs / ours,
            "closer_looks": sum(each.raced.asked for _, each in pairs),
            "closer_looks_missing": sum(each.raced.missing for _, each in pairs),
        }
    return found


def asha(curves: SubjectCurves, order: Sequence[Place]) -> Spent:
    """Ray's ASHA over independent trials, each a setting and an end, started in this order."""
    from ray.tune.schedulers import ASHAScheduler, TrialScheduler  # takes seconds to import

    utility = utility_for(Choosing(), curves.base.card(BASE))
    values = [[utility.value_of(p.card.card(name_of(t, p))) for p in t.checkpoints] for t in curves.trials]
    longest = len(values[0])
    scheduler = ASHAScheduler(
        time_attr="time", metric="utility", mode="max", max_t=longest, grace_period=1, reduction_factor=REDUCTION
    )
    rungs = {REDUCTION**k for k in range(longest) if REDUCTION**k <= longest}
    waiting, last = list(order)[::-1], dict[Place, int]()
    running: list[tuple[float, Place, int]] = []
    total, clock = curves.card_evaluations, 0.0

    def report_after(place: Place, done: int, now: float) -> None:
        """The next report of a trial: at a rung or at its end."""
        nonlocal total
        upcoming = min(rung for rung in (*rungs, place[1] + 1) if done < rung <= place[1] + 1)
        trial = curves.trials[place[0]]
        cost = curves.step_cost(trial) * (trial.steps[upcoming - 1] - (trial.steps[done - 1] if done else 0))
        cost += curves.card_evaluations
        total += cost
        heapq.heappush(running, (now + cost, place, upcoming))

    def start(now: float) -> None:
        if waiting:
            place = waiting.pop()
            scheduler.on_trial_add(None, SimpleNamespace(trial_id=str(place)))  # the id is all that ASHA reads
            report_after(place, 0, now)

    for _ in range(WORKERS):
        start(0.0)
    while running:
        clock, place, done = heapq.heappop(running)
        last[place] = done
        result = {"time": done, "utility": values[place[0]][done - 1]}
        decision = scheduler.on_trial_result(None, SimpleNamespace(trial_id=str(place)), result)
        if done == place[1] + 1 or decision == TrialScheduler.STOP:
            start(clock)
        else:
            report_after(place, done, clock)
    trial, index = max(((place[0], done - 1) for place, done in last.items()), key=lambda at: values[at[0]][at[1]])
    return Spent(total, (trial, index))


@cache
def ashas(subject: Judged) -> list[Spent]:
    """ASHA with `ORDERS` random orders of its trials."""
    curves = subject.curves
    places = [(t, c) for t, trial in enumerate(curves.trials) for c in range(len(trial.steps))]
    rng = np.random.default_rng(curves.seed)
    return [asha(curves, [places[i] for i in rng.permutation(len(places))]) for _ in range(ORDERS)]


def steps_saved(subjects: Sequence[Judged], way: str = WAY) -> tuple[float, float]:
    """Steps of training every trial to its end over those with early stopping, and the oracle's utility that costs."""
    whole, taken, lost = 0, 0, []
    for subject in subjects:
        curves = subject.curves
        whole += sum(trial.steps[-1] for trial in curves.trials)
        taken += sum(trial.steps[end] for trial, end in zip(curves.trials, subject.ours[way].ends, strict=True))
        lost.append(float(subject.utility[subject.ours["whole"].place] - subject.utility[subject.ours[way].place]))
    return whole / taken, float(np.mean(lost))


def bounds(subjects: Sequence[Judged]) -> dict[str, dict[str, float]]:
    """The most that any rule could come to which ends a training at a look: `steps_saved` and `cost_vs_grid`.

    By way of looking and how many looks at a training it takes to give it up: `spaced_1` ends all but the best one, by
    the oracle, at their first look, and that one at the look at which it has been at its best. Nothing else is looked
    at, and nothing races.
    """
    theirs = sum(grid(subject).evaluations for subject in subjects)
    whole = sum(trial.steps[-1] for subject in subjects for trial in subject.curves.trials)
    found = {}
    for way, needed in product(("every", "spaced"), (1, 2)):
        known = [(s.curves, foreseen(s, needed, WAYS[way].look_every(s.curves))) for s in subjects]
        taken = sum(t.steps[end] for curves, each in known for t, end in zip(curves.trials, each.ends, strict=True))
        ours = sum(spent_on(curves, each, NO_RACE).evaluations for curves, each in known)
        found[f"{way}_{needed}"] = {"steps_saved": whole / taken, "cost_vs_grid": theirs / ours}
    return found


def foreseen(subject: Judged, needed: int, look_every: int) -> Outcome:
    """The sweep of one who knows the best checkpoint: no race, and no look but those that tell when to end."""
    ends = foreseen_ends(subject, needed, look_every)
    pairs = list(zip(subject.curves.trials, ends, strict=True))
    seen = sum(point.step <= trial.steps[end] for trial, end in pairs for point in looks(trial, look_every))
    return Outcome(ends, best_place(subject), look_every, seen, Raced([], None, 0, 0, 0))


def foreseen_ends(subject: Judged, needed: int, look_every: int) -> tuple[int, ...]:
    """Where trials end for one who knows the best checkpoint: it at the first look that is not before it, all others
    at the `needed`-th look, which nobody is spared."""
    best_trial, best = best_place(subject)
    ends = []
    for index, trial in enumerate(subject.curves.trials):
        until = max(needed, best // look_every + 1) if index == best_trial else needed
        ends.append(min(until * look_every, len(trial.steps)) - 1)
    return tuple(ends)


def best_place(subject: Judged) -> Place:
    """The best checkpoint of a sweep, in the oracle's eyes."""
    trial, point = np.unravel_index(int(subject.utility.argmax()), subject.utility.shape)
    return int(trial), int(point)


def costs(subjects: Sequence[Judged], way: str = WAY) -> dict[str, float]:
    """The keys `cost_vs_grid` and `cost_vs_asha`, ratios of sums over subjects, and how good the choices were.

    `steps_vs_grid` is the grid's over ours in optimizer steps alone: what `cost_vs_grid` would be if looking were free.
    A search does not know when it is near the best, so each pays its whole cost. The `..._behind` are means of the
    oracle's utility of the exhaustive choice (the grid's) less that of the search.
    """
    ours, theirs, halved = [], [], []
    steps = {"grid": 0, "dbsweep": 0}
    behind: dict[str, list[float]] = {"dbsweep": [], "asha": []}
    for subject in subjects:
        exhaustive, own, runs = grid(subject), tree(subject, way), ashas(subject)
        ours.append(own.evaluations)
        theirs.append(exhaustive.evaluations)
        halved.append(float(np.mean([run.evaluations for run in runs])))
        for trial, end in zip(subject.curves.trials, subject.ours[way].ends, strict=True):
            steps["grid"] += sum(trial.steps)
            steps["dbsweep"] += trial.steps[end]
        target = subject.utility[exhaustive.place]
        behind["dbsweep"].append(float(target - subject.utility[own.place]))
        behind["asha"].append(float(target - np.mean([subject.utility[run.place] for run in runs])))
    return {
        "cost_vs_grid": sum(theirs) / sum(ours),
        "cost_vs_asha": sum(halved) / sum(ours),
        "steps_vs_grid": steps["grid"] / steps["dbsweep"],
        "evaluations": float(np.mean(ours)),
        "dbsweep_behind": float(np.mean(behind["dbsweep"])),
        "asha_behind": float(np.mean(behind["asha"])),
    }
