"""Late looks: at checkpoints that `evaluate.look_every` has passed over, beside the best ones."""

from __future__ import annotations

from collections.abc import Sequence

from dbsweep.execution.backend import Backend
from dbsweep.execution.jobs import CloserLook, SweepJob
from dbsweep.execution.ledger.ledger import Ledger
from dbsweep.plan.looks import look_every_of
from dbsweep.records.results import Checkpoint, Scorecard
from dbsweep.selection.candidates import list_candidates
from dbsweep.selection.late_looks import beside_the_best
from dbsweep.selection.utility import utility_of
from dbsweep.sweep.racing import OnLook


def look_late(backend: Backend, job: SweepJob, ledger: Ledger, on_look: OnLook) -> None:
    """Looks at what lies beside the best, in rounds, for then others may be the best.

    The ledger hears of whole rounds: a run that was interrupted looks at the same, and comes to the same end.

    Raises:
        DbsweepError: a checkpoint cannot be drawn; the rounds before stay in the ledger.
    """
    look_every = look_every_of(job.experiment)
    if look_every == 1:
        return
    for _ in range(look_every):
        record = ledger.read()
        unseen = beside_the_best(
            list_candidates(record),
            [c for c in record.checkpoints.values() if c.kept and c.id not in record.scorecards],
            utility_of(record),
        )
        if not unseen:
            return
        ledger.add_looks(_look_at(backend, job, unseen, on_look))


def _look_at(backend: Backend, job: SweepJob, unseen: Sequence[Checkpoint], on_look: OnLook) -> list[Scorecard]:
    count = job.experiment.evaluate.images_per_prompt
    cards: list[Scorecard] = []

    def on_card(card: Scorecard) -> None:
        cards.append(card)
        on_look(len(cards), len(unseen))

    on_look(0, len(unseen))
    looks = [CloserLook(checkpoint=checkpoint, card=None, images_per_prompt=count) for checkpoint in unseen]
    backend.look_closer(job, looks, on_card)
    return cards
