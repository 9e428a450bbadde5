"""The choice in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from dbsweep.records import Candidate, Metric


def explain(
    best: Candidate, ranked: Sequence[Candidate], error: float, unmeasured: Sequence[Metric], *, unsound: int
) -> str:
    """Say what was chosen, against what, and what had no say.

    Args:
        best: the chosen candidate.
        ranked: all candidates, best utility first.
        error: standard error of the utility difference between `ranked[0]` and `best`, if they differ.
        unmeasured: metrics that are NaN everywhere.
        unsound: number of candidates with other NaN.
    """
    sentences = [_chosen(best), _rank(best, ranked, error, len(ranked) - unsound)]
    rival = next((row for row in ranked if row.trial not in (best.trial, ranked[0].trial) and row.utility > 0.0), None)
    if rival is not None:
        sentences.append(f"The best of another trial is {rival.trial} at step {rival.step} with {rival.utility:.2f}.")
    if unmeasured:
        names = " and ".join(metric.value for metric in unmeasured)
        sentences.append(f"With this base model and encoder {names} could not be measured and had no say.")
    if unsound:
        sentences.append(f"Left out: {unsound} whose scores are not numbers.")
    return " ".join(sentences)


def _chosen(best: Candidate) -> str:
    return (
        f"{best.trial} at step {best.step} (epoch {best.epoch}): identity {best.identity:.2f} of the photos', style "
        f"{best.style:.2f} and prior {best.prior:.2f} of the base model's; their harmonic mean is {best.utility:.2f}."
    )


def _rank(best: Candidate, ranked: Sequence[Candidate], error: float, sound: int) -> str:
    top = ranked[0]
    if best.utility == 0.0:
        return "No checkpoint has identity, style and prior all above 0; this is only the one with most identity."
    if sound == 1:
        return "It is the only checkpoint with scores, so there was nothing to compare."
    if best.checkpoint == top.checkpoint:
        return f"That is the highest of {sound} checkpoints, and no earlier one of the same training comes close."
    return (
        f"The highest of {sound} checkpoints is {top.utility:.2f} at step {top.step} of the same training; step "
        f"{best.step} is the earliest within one standard error ({error:.2f}) of it, and less training is safer."
    )
