"""Whether a checkpoint has learned the subject, in words: the best of a sweep may be far from it."""

from __future__ import annotations

import numpy as np

from dbsweep.config.schema import Experiment
from dbsweep.records.choice import Candidate
from dbsweep.records.names import Metric, PromptKind, VerdictState
from dbsweep.records.run import RunRecord
from dbsweep.reports.words import numbers
from dbsweep.selection.unmeasurable import asked_images


def asked_identity(record: RunRecord) -> float:
    """Identity from which on a subject counts as learned."""
    return Experiment.model_validate(record.experiment).verdict.ready_identity


def is_unlearned(record: RunRecord, candidate: Candidate) -> bool:
    """Whether the identity was measured and is too low."""
    return candidate.identity < asked_identity(record)


def told_and_asked(record: RunRecord, identity: float) -> tuple[str, str]:
    """An identity and what is asked for, in figures that show whether it is enough."""
    return numbers(identity, asked_identity(record))


def is_not_there(record: RunRecord) -> bool:
    """Whether dbsweep recommends what has not learned the subject; what a person has taken is not told again."""
    return record.choice is not None and record.overrule is None and is_unlearned(record, record.choice.best)


def unlearned_sentence(record: RunRecord) -> str:
    """``This is not your subject yet: …`` of the recommended checkpoint; empty where it has learned the subject."""
    choice = record.choice
    if choice is None or not is_unlearned(record, choice.best):
        return ""
    told, asked = told_and_asked(record, choice.best.identity)
    sentence = (
        f"This is not your subject yet: identity is {told}, and {asked} counts as learned (verdict.ready_identity)."
        f"{_held_back(record, choice.best)}"
    )
    if all(is_unlearned(record, candidate) for candidate in choice.candidates):
        sentence += f" No checkpoint of this sweep is there: {_advice(record)}."
    return sentence


def _held_back(record: RunRecord, candidate: Candidate) -> str:
    """That it has learned the subject by the instance prompts' pictures alone; empty where it has not."""
    if candidate.checkpoint not in record.scorecards:
        return ""
    card = record.card_of(candidate.checkpoint)
    score = card.scores[Metric.IDENTITY]
    images = asked_images(Metric.IDENTITY, score, card.images)
    plain = [v for i, v in zip(images, score.samples, strict=False) if i.kind is PromptKind.INSTANCE and np.isfinite(v)]
    if len(plain) == len(images) or not plain or np.mean(plain) < asked_identity(record):
        return ""
    told, _ = told_and_asked(record, float(np.mean(plain)))
    return (
        f" The instance prompt's pictures alone have {told}, the sanity prompts' show less of"
        " it: where you teach a style, let them ask for other things and for no other technique."
    )


def _advice(record: RunRecord) -> str:
    """What to do about it; more training is no help to what was overtrained or collapsed before it had learned."""
    spoilt = [v.state in (VerdictState.OVERTRAINED, VerdictState.COLLAPSED) for v in record.verdicts.values()]
    if spoilt and all(spoilt):
        return "every training was overtrained or collapsed first, so lower the learning rates"
    if any(spoilt):
        return "train those longer that were neither overtrained nor collapsed (`dbsweep trials`)"
    return "train longer, or with higher learning rates"
