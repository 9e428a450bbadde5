"""The scores of the checkpoint to keep, concept by concept, and whether one is behind."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dbsweep.config.concept import Concept
from dbsweep.config.schema import Experiment
from dbsweep.records.names import BASE, Metric
from dbsweep.records.results import Score, Scorecard
from dbsweep.records.run import RunRecord
from dbsweep.reports.words import number, numbers
from dbsweep.selection.concept_cards import concept_cards, lag
from dbsweep.selection.utility import JUDGED


@dataclass(frozen=True, slots=True)
class ConceptRow:
    """One concept's scores: (value, 95% interval) of identity, style and prior; no interval where there is none."""

    name: str
    scores: tuple[tuple[str, str], ...]


def concept_rows(record: RunRecord) -> tuple[ConceptRow, ...]:
    """A row for each concept of the checkpoint to keep; none where there is only one."""
    rows = zip(_concepts(record), _cards(record), strict=False)
    return tuple(ConceptRow(_name(concept), tuple(_shown(card.scores[m]) for m in JUDGED)) for concept, card in rows)


def concepts_json(record: RunRecord) -> list[dict[str, object]]:
    """``{instance_token, class_token, scores{identity, style, prior}}`` for each concept; none where there is one."""
    return [
        {
            "instance_token": concept.instance_token,
            "class_token": concept.class_token,
            "scores": {str(m): card.value(m) if math.isfinite(card.value(m)) else None for m in JUDGED},
        }
        for concept, card in zip(_concepts(record), _cards(record), strict=False)
    ]


def lagging_sentence(record: RunRecord) -> str:
    """``zwx woman is clearly behind ohwx man in t004, epoch 50: …`` of the checkpoint to keep; empty where none is."""
    cards, experiment = _cards(record), Experiment.model_validate(record.experiment)
    found = lag(cards, least=experiment.verdict.identity_gain)
    if found is None or record.kept is None:
        return ""
    behind, ahead = (experiment.concepts[place] for place in (found.behind, found.ahead))
    values = numbers(*(cards[place].value(Metric.IDENTITY) for place in (found.behind, found.ahead)))
    return (
        f"{_name(behind)} is clearly behind {_name(ahead)} in {record.kept.trial}, epoch {record.kept.epoch}: identity "
        f"{values[0]} against {values[1]} (95% interval of the difference {number(found.low)} to "
        f"{number(found.high)}). Train its photos more often than the others' (repeats of concepts[{found.behind}], "
        f"now {behind.repeats}), or train longer if style and prior allow it."
    )


def _cards(record: RunRecord) -> tuple[Scorecard, ...]:
    """Of each concept, on all images that the checkpoint to keep has drawn."""
    if record.kept is None or record.kept.checkpoint not in record.scorecards:
        return ()
    card = record.card_of(record.kept.checkpoint)
    return concept_cards(card, record.scorecards.get(BASE, card))


def _concepts(record: RunRecord) -> tuple[Concept, ...]:
    return Experiment.model_validate(record.experiment).concepts


def _name(concept: Concept) -> str:
    return f"{concept.instance_token} {concept.class_token}"


def _shown(score: Score) -> tuple[str, str]:
    interval = f"{number(score.low)} to {number(score.high)}" if math.isfinite(score.high - score.low) else ""
    return number(score.value), interval
