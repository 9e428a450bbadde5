"""The race of the best checkpoints, told in a sentence."""

from __future__ import annotations

from dbsweep.records.names import BASE
from dbsweep.records.run import RunRecord


def race_sentence(record: RunRecord) -> str:
    """How many checkpoints were looked at how closely; empty where no race was run."""
    if not record.further:
        return ""
    looked = len([key for key in record.scorecards if key != BASE])
    rounds = [f"{len(cards)} up to {count}" for count, cards in sorted(record.further.items())]
    rounds[0] += " per prompt"
    listed = rounds[0] if len(rounds) == 1 else f"{', '.join(rounds[:-1])} and {rounds[-1]}"
    return f"Of {looked} checkpoints, those that could still win drew more images: {listed}."


def order_words(record: RunRecord) -> str:
    """What the order of candidates is by, before their utility: who was looked at less closely may seem better."""
    return "finalists of the race first" if record.further else ""
