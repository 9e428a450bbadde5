"""The names of metrics, states and kinds of prompts; result columns are called by these."""

from __future__ import annotations

from enum import StrEnum


class Metric(StrEnum):
    """The metrics of a scorecard; `dbsweep.scoring` gives each one's formula and source.

    All are larger-is-better but those in `SMALLER_IS_BETTER`. IDENTITY, STYLE and PRIOR are on the scale 0 (nothing of
    it) to 1 (as in the photos, or as in the base model), unclipped. The last four are the DreamBooth paper's, plain
    cosines that compare only with the same encoder, and where style went.
    """

    IDENTITY = "identity"
    STYLE = "style"
    PRIOR = "prior"
    DIVERSITY = "diversity"
    PROMPT_FIDELITY = "prompt_fidelity"
    QUALITY = "quality"
    VALIDATION_LOSS = "validation_loss"
    MEMORISATION = "memorisation"
    FACES = "faces"
    SUBJECT_FIDELITY = "subject_fidelity"
    PRES = "pres"
    DIV = "div"
    IDENTITY_LEAK = "identity_leak"


HELD_OUT = frozenset({Metric.VALIDATION_LOSS, Metric.MEMORISATION})
"""Metrics that need photos which are not trained."""

PUBLISHED = frozenset({Metric.SUBJECT_FIDELITY, Metric.PRES, Metric.DIV, Metric.IDENTITY_LEAK})
"""Metrics that are shown for comparison with other work and that nothing is decided by, unless a constraint asks."""

SMALLER_IS_BETTER = HELD_OUT | {Metric.PRES, Metric.IDENTITY_LEAK}
"""Metrics that fall where training goes well."""


class TrialState(StrEnum):
    """Where a trial, or the branch that trains it, stands."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    STOPPED = "stopped"  # ended early by an overtrained or collapsed verdict, or by the scheduler
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class VerdictState(StrEnum):
    """What the scorecards of a trial say about its training."""

    LEARNING = "learning"  # identity still gains
    READY = "ready"  # identity is there, nothing lost yet
    OVERTRAINED = "overtrained"  # style or prior has dropped, and identity has not paid for it
    UNDERTRAINED = "undertrained"  # the trial ended before the subject was learned
    COLLAPSED = "collapsed"  # NaN or noise


class PromptKind(StrEnum):
    """Why a prompt is drawn at every evaluation."""

    INSTANCE = "instance"  # photo of ohwx man
    SANITY = "sanity"  # photo of ohwx man, ink poster style
    CLASS = "class"  # photo of man


BASE = "base"
"""The id under which the untrained base model's scorecard is kept."""
