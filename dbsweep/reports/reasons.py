"""Why a trial stands where it does: the evidence of its verdict, and what ended it, in sentences."""

from __future__ import annotations

from dbsweep.records.names import TrialState
from dbsweep.records.run import RunRecord
from dbsweep.reports.words import VERDICT_NAMES

_ENDED = {
    TrialState.STOPPED: "ended early",
    TrialState.FAILED: "failed",
    TrialState.INTERRUPTED: "interrupted",
}


def reason(record: RunRecord, trial: str) -> str:
    """The evidence of a trial's verdict, and what ended it early, where that is something else; may be empty."""
    verdict = record.verdicts.get(trial)
    evidence, ended = verdict.evidence if verdict is not None else "", _end(record, trial)
    if ended in ("", evidence):  # a verdict that ends a training is the reason itself
        return evidence
    return "; ".join(filter(None, (evidence, f"{_ENDED[record.states[trial]]}: {ended}")))


def _end(record: RunRecord, trial: str) -> str:
    """Why the branch ended that a trial still needed; empty where none did."""
    if record.states[trial] not in _ENDED:
        return ""
    passed = {(checkpoint.branch, checkpoint.step) for checkpoint in record.checkpoints_of(trial)}
    needed = (segment for segment in record.path_of(trial).segments if segment not in passed)
    return next((record.failures.get(branch, "") for branch, _ in needed), "")


def reasons(record: RunRecord) -> list[str]:
    """``t001, t002: overtrained from epoch 4 on: style fell from …``: trials that have it in common share a line."""
    trials: dict[str, list[str]] = {}
    for trial in record.plan.trials:
        if said := _said(record, trial.id):
            trials.setdefault(said, []).append(trial.id)
    return [f"{', '.join(names)}: {said}" for said, names in trials.items()]


def _said(record: RunRecord, trial: str) -> str:
    verdict, why = record.verdicts.get(trial), reason(record, trial)
    return f"{_verdict_words(record, trial)}: {why}" if verdict is not None and why else why


def _verdict_words(record: RunRecord, trial: str) -> str:
    verdict = record.verdicts[trial]
    since = "" if verdict.onset_step is None else f" from {_onset(record, trial, verdict.onset_step)} on"
    return f"{VERDICT_NAMES[verdict.state]}{since}"


def _onset(record: RunRecord, trial: str, step: int) -> str:
    """``epoch 4``, as pictures and evidence have it; the step where no checkpoint tells the epoch."""
    epochs = {checkpoint.step: checkpoint.epoch for checkpoint in record.checkpoints_of(trial)}
    return f"epoch {epochs[step]}" if step in epochs else f"step {step}"


def verdict_sentence(record: RunRecord) -> str:
    """The verdict on the training of the checkpoint to keep, and on which side of its onset that is; may be empty."""
    best = record.kept
    verdict = record.verdicts.get(best.trial) if best is not None else None
    if best is None or verdict is None:
        return ""
    side = ""
    if verdict.onset_step is not None:
        side = f", not yet at epoch {best.epoch}" if best.step < verdict.onset_step else f", at epoch {best.epoch} too"
    told = f"{_verdict_words(record, best.trial)}{side}: {reason(record, best.trial)}"
    return f"Verdict on {best.trial} while it trained: {told}."
