"""The race at the end of a sweep: rounds of further images for the checkpoints that can still win."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from dbsweep.config.evaluate import Evaluate
from dbsweep.errors import DbsweepError
from dbsweep.execution.backend import Backend
from dbsweep.execution.jobs import CloserLook, SweepJob
from dbsweep.execution.ledger.ledger import Ledger
from dbsweep.records.results import Checkpoint, Scorecard
from dbsweep.selection.candidates import list_candidates
from dbsweep.selection.pick import choice_settings
from dbsweep.selection.race import RaceSettings, contenders
from dbsweep.selection.utility import utility_of

OnLook: TypeAlias = Callable[[int, int], None]
"""Told how many checkpoints of a round are done, of how many."""


def race(backend: Backend, job: SweepJob, ledger: Ledger, on_look: OnLook) -> None:
    """Draws until one checkpoint has won, the rest are tied within what matters, or all images are drawn.

    Each round is decided by the scorecards of the round before, which the ledger keeps: a run that was interrupted
    draws what is missing and comes to the same end.

    Raises:
        DbsweepError: a checkpoint cannot be drawn; the whole rounds before stay in the ledger.
    """
    record, evaluate = ledger.read(), job.experiment.evaluate
    utility, settings = utility_of(record), race_settings(evaluate)
    rows = {point.id: (trial, point, record.scorecards[point.id]) for trial, point, _ in list_candidates(record)}
    racing = tuple(rows)
    for images_per_prompt in evaluate.levels[1:]:
        racing = contenders(
            list(rows.values()),
            utility,
            settings,
            paths=record.plan.paths,
            choice=choice_settings(job.experiment.choose),
            racing=frozenset(racing),
        )
        if not racing:
            return
        _look_closer(backend, job, ledger, [rows[name][1:] for name in racing], images_per_prompt, on_look)
        cards = ledger.read().further[images_per_prompt]
        rows |= {name: (*rows[name][:2], cards[name]) for name in racing}


def race_settings(evaluate: Evaluate) -> RaceSettings:
    """The race that an experiment asks for."""
    stated = evaluate.race
    rounds = max(len(evaluate.levels) - 1, 1)
    return RaceSettings(error=stated.error, tie=stated.tie, finalists=stated.finalists, rounds=rounds)


def _look_closer(
    backend: Backend,
    job: SweepJob,
    ledger: Ledger,
    staying: Sequence[tuple[Checkpoint, Scorecard]],
    images_per_prompt: int,
    on_look: OnLook,
) -> None:
    """One round: what the ledger does not have of it yet."""
    there = ledger.read().further.get(images_per_prompt, {})
    looks = [
        CloserLook(checkpoint=checkpoint, card=card, images_per_prompt=images_per_prompt)
        for checkpoint, card in staying
        if checkpoint.id not in there
    ]
    done = 0

    def on_card(card: Scorecard) -> None:
        nonlocal done
        ledger.add_further(images_per_prompt, card)
        done += 1
        on_look(done, len(looks))

    if not looks:
        return
    on_look(0, len(looks))
    try:
        backend.look_closer(job, looks, on_card)
    except DbsweepError:
        ledger.drop_further(images_per_prompt)  # half a round compares nothing
        raise
