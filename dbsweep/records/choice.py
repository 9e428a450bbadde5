"""The checkpoint that dbsweep recommends, its rivals, and what the person took instead."""

from __future__ import annotations

from dbsweep.records.names import Metric
from dbsweep.records.record import Record


class Candidate(Record):
    """A checkpoint in the choice: one row of the table that the person sees.

    Attributes:
        identity, style, prior: of the scorecard, smoothed along the training (`dbsweep.selection.smoothing`).
        on_front: no other candidate is at least as good in identity, style and prior and better in one.
        unmet: the constraints of the experiment file that it does not meet, such as ``identity >= 0.6``.
    """

    trial: str
    checkpoint: str
    step: int
    epoch: int
    identity: float
    style: float
    prior: float
    utility: float
    on_front: bool
    unmet: tuple[str, ...] = ()


class Rival(Record):
    """The best checkpoint of another trial, against the chosen one.

    Attributes:
        lead: utility of the chosen one minus the rival's; low, high: its 95% interval, from paired samples. NaN
            where there are too few samples for one.
        needs: the metric in which the rival is weakest, and the value of it with which it would draw level; None
            where no value does.
    """

    candidate: Candidate
    lead: float
    low: float
    high: float
    needs: tuple[Metric, float] | None


class Reweighted(Record):
    """What would be chosen if one metric counted more or less, by the smallest change that was tried and does it.

    Attributes:
        factor: of the metric's weight.
    """

    metric: Metric
    factor: float
    best: Candidate


class Choice(Record):
    """The checkpoint that dbsweep recommends, and why.

    Attributes:
        best: the recommended candidate.
        reason: sentences for the person.
        candidates: all of them; those that meet the constraints first, best utility first.
        formula: what `utility` is, in words.
        rivals: of other trials, best first.
        sensitivity: changes of weight that change the choice.
        changes: what would change the choice, in sentences.
    """

    best: Candidate
    reason: str
    candidates: tuple[Candidate, ...]
    formula: str = "harmonic mean of identity, style and prior"
    rivals: tuple[Rival, ...] = ()
    sensitivity: tuple[Reweighted, ...] = ()
    changes: tuple[str, ...] = ()


class Overrule(Record):
    """The person's own choice; it goes before dbsweep's, which is kept beside it.

    Attributes:
        because: the person's reason.
        time: seconds since the epoch.
    """

    candidate: Candidate
    because: str
    time: float
