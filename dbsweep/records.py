"""The frozen records that pass between rooms; each can be written as JSON and read back without loss."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Scalar: TypeAlias = bool | int | float | str
"""A value that a swept setting can take."""


class Record(BaseModel):
    """Base of all records: immutable, strict about unknown keys, NaN and infinity survive JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


# ---------------------------------------------------------------- names of results


class Metric(StrEnum):
    """The metrics of a scorecard; `dbsweep.scoring` gives each one's formula and source.

    All are larger-is-better. IDENTITY, STYLE and PRIOR are on the scale 0 (nothing of it) to 1 (as in the
    photos, or as in the base model), unclipped.
    """

    IDENTITY = "identity"
    STYLE = "style"
    PRIOR = "prior"
    DIVERSITY = "diversity"
    PROMPT_FIDELITY = "prompt_fidelity"
    QUALITY = "quality"


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
    OVERTRAINED = "overtrained"  # style or prior has dropped while identity no longer gains
    UNDERTRAINED = "undertrained"  # the trial ended before the subject was learned
    COLLAPSED = "collapsed"  # NaN or noise


class PromptKind(StrEnum):
    """Why a prompt is drawn at every evaluation."""

    INSTANCE = "instance"  # photo of ohwx man
    SANITY = "sanity"  # photo of ohwx man, ink poster style
    CLASS = "class"  # photo of man


# ---------------------------------------------------------------- the plan


class Trial(Record):
    """One point of the search space.

    Attributes:
        id: ``t001`` …, in the order of the plan.
        settings: every swept setting and the four of the contract (learning_rate, epochs,
            class_images_per_instance, text_encoder_ratio), by their dotted names under ``train``.
    """

    id: str
    settings: dict[str, Scalar]


class Stage(Record):
    """A span of optimizer steps that the listed trials share bit for bit.

    Attributes:
        id: first 12 hex digits of the SHA-256 of the stage's key and its ancestors'.
        parent: id of the stage that ends where this one starts, or None at the root.
        start_step, end_step: the steps ``start_step + 1 … end_step`` are trained here.
        text_encoder_trains: whether the text encoder trains in this span.
        trials: ids of the trials whose path leads through this stage.
    """

    id: str
    parent: str | None
    start_step: int
    end_step: int
    text_encoder_trains: bool
    trials: tuple[str, ...]


class Milestone(Record):
    """A step at which a branch writes a checkpoint.

    Attributes:
        step: optimizer step, counted from the untrained base model.
        epoch: the epoch that ends with this step.
        evaluate: draw and score images here.
        fork: another branch starts here, so the optimizer state is kept too.
    """

    step: int
    epoch: int
    evaluate: bool
    fork: bool


class Branch(Record):
    """A chain of stages that one worker trains in one go.

    Attributes:
        id: ``b01`` …; parents come before children.
        parent: the branch it forks from, or None if it starts at the base model.
        fork_step: the parent's step at which it starts; 0 without a parent.
        stages: ids of its stages, in order.
        milestones: its checkpoints, by rising step, all later than ``fork_step``.
        trials: ids of the trials that end on this branch.
        settings: settings of the trial that defines its weights (the longest one).
        text_encoder_steps: the text encoder trains while ``step < text_encoder_steps``; absolute.
    """

    id: str
    parent: str | None
    fork_step: int
    stages: tuple[str, ...]
    milestones: tuple[Milestone, ...]
    trials: tuple[str, ...]
    settings: dict[str, Scalar]
    text_encoder_steps: int

    @property
    def end_step(self) -> int:
        """The last step that this branch trains."""
        return self.milestones[-1].step

    @property
    def steps_per_epoch(self) -> int:
        """Of this branch: trials that sweep the batch size have epochs of different length."""
        return self.milestones[-1].step // self.milestones[-1].epoch


class TrialPath(Record):
    """Which checkpoints are a trial's: those of each branch up to the given step, from the base on.

    Attributes:
        trial: trial id.
        segments: (branch id, last step on it), from the root branch to the branch where the trial ends.
        end_step: the trial's total number of optimizer steps.
    """

    trial: str
    segments: tuple[tuple[str, int], ...]
    end_step: int


class Cost(Record):
    """What a plan will take.

    Attributes:
        steps_alone: optimizer steps if every trial trained by itself.
        steps_shared: optimizer steps along the tree.
        images: images to draw: class images, references, evaluations, grids.
        disk_bytes: checkpoints, states and images.
        seconds: estimated wall time on this machine, or None where no rate is known.
        alone: images, disk and time if every trial trained by itself; None in plans of earlier versions.
    """

    steps_alone: int
    steps_shared: int
    images: int
    disk_bytes: int
    seconds: float | None
    alone: Cost | None = None


class Plan(Record):
    """Everything that will be done, before anything is.

    Attributes:
        steps_per_epoch: with the settings of `train`; `Branch.steps_per_epoch` has a swept batch size in it.
        notes: sentences for the person: what cannot be shared and why, warnings about the settings.
    """

    steps_per_epoch: int
    trials: tuple[Trial, ...]
    stages: tuple[Stage, ...]
    branches: tuple[Branch, ...]
    paths: tuple[TrialPath, ...]
    cost: Cost
    notes: tuple[str, ...] = ()

    def path_of(self, trial_id: str) -> TrialPath:
        """The trial's path; KeyError for an unknown trial."""
        for path in self.paths:
            if path.trial == trial_id:
                return path
        raise KeyError(trial_id)


# ---------------------------------------------------------------- what a run produces


class Checkpoint(Record):
    """The trained weights at a step.

    Attributes:
        id: ``b01-000120``: branch and step.
        path: its folder, relative to the run folder.
        sha256: of the trained weights' values (see `dbsweep.models.hashes.weights_sha256`).
        bytes: size on disk when it was written.
        kept: whether its weights are still there; they go where `checkpoints.keep` says so.
    """

    id: str
    branch: str
    step: int
    epoch: int
    path: str
    sha256: str
    bytes: int
    kept: bool = True


class Score(Record):
    """One metric of one checkpoint.

    Attributes:
        value: mean of the samples.
        low, high: 95% bootstrap interval of the mean.
        samples: one value per (prompt, seed), in the same order at every checkpoint, so that
            differences between checkpoints are paired.
    """

    value: float
    low: float
    high: float
    samples: tuple[float, ...]


class SampleImage(Record):
    """One image drawn at an evaluation.

    Attributes:
        path: relative to the run folder.
        prompt: as drawn, token included (for the base reference: with the class noun in its place).
        kind, concept, prompt_index: which prompt of which concept (both 0-based).
        seed: of its initial noise.
    """

    path: str
    prompt: str
    kind: PromptKind
    concept: int
    prompt_index: int
    seed: int


class Scorecard(Record):
    """All metrics of one checkpoint, and the images that they were measured on."""

    checkpoint: str
    scores: dict[Metric, Score]
    images: tuple[SampleImage, ...]

    def value(self, metric: Metric) -> float:
        """The mean of a metric."""
        return self.scores[metric].value


class Verdict(Record):
    """What the scorecards along one path say.

    Attributes:
        onset_step: first overtrained (or collapsed) step, else None.
        evidence: one sentence with the numbers.
    """

    state: VerdictState
    onset_step: int | None
    evidence: str


class Candidate(Record):
    """A checkpoint in the choice: one row of the table that the person sees.

    Attributes:
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
            where even 1 would not do.
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


class StepLog(Record):
    """Training figures averaged since the previous checkpoint.

    Attributes:
        loss, instance_loss, prior_loss: mean squared error of the predicted noise, unweighted apart.
        steps_per_s: optimizer steps per second of training alone.
        memory_bytes: peak of the process (CPU) or of the device's allocator (GPU).
    """

    step: int
    loss: float
    instance_loss: float
    prior_loss: float
    learning_rate: float
    grad_norm: float
    steps_per_s: float
    memory_bytes: int


# ---------------------------------------------------------------- what happens during a run


class BranchStarted(Record):
    """A worker has begun a branch."""

    branch: str
    host: str
    pid: int


class CheckpointScored(Record):
    """A checkpoint has been written and, at an evaluation, scored."""

    checkpoint: Checkpoint
    log: StepLog
    scorecard: Scorecard | None
    verdict: Verdict | None


class BranchEnded(Record):
    """A branch is over.

    Attributes:
        last_step: the last step trained.
        reason: why it stopped or failed; empty when completed.
        verdict: on the trials that it leaves unfinished, where its end tells one that no scorecard could.
        out_of_disk: the disk is full, so that the other branches cannot go on either.
    """

    branch: str
    state: TrialState
    last_step: int
    reason: str = ""
    verdict: Verdict | None = None
    out_of_disk: bool = False


Event: TypeAlias = BranchStarted | CheckpointScored | BranchEnded


class GridImage(Record):
    """A drawn grid: labels of its axes and the cells' image paths.

    Attributes:
        cells: ``cells[z][y][x]`` is the images of one cell (one per seed), relative to the run folder.
        prompt: the prompt of the grid before its axes act.
    """

    title: str
    prompt: str
    x_label: str
    y_label: str
    z_label: str
    x_values: tuple[str, ...]
    y_values: tuple[str, ...]
    z_values: tuple[str, ...]
    seeds: tuple[int, ...]
    cells: tuple[tuple[tuple[tuple[str, ...], ...], ...], ...]


class RunRecord(Record):
    """All that the ledger knows of a run, for reports, tracking and the command line.

    Attributes:
        name: the run's name; experiment: the experiment file as JSON, defaults filled in.
        states: trial id → state; branch_states: branch id → state.
        failures: branch id → reason.
        checkpoints, logs: by checkpoint id.
        scorecards: by checkpoint id; ``"base"`` is the untrained model's.
        verdicts: trial id → its latest verdict.
        choice: what dbsweep recommends; overrule: what the person took instead, if anything.
        base_sha256: of the base model's weights; None before they are loaded.
        hosts: branch id → the machine that trains it; branches that have not started are absent.
        started, finished: seconds since the epoch; None while running.
    """

    name: str
    experiment: dict[str, object]
    plan: Plan
    states: dict[str, TrialState]
    branch_states: dict[str, TrialState]
    failures: dict[str, str]
    checkpoints: dict[str, Checkpoint]
    logs: dict[str, StepLog]
    scorecards: dict[str, Scorecard]
    verdicts: dict[str, Verdict]
    choice: Choice | None
    overrule: Overrule | None = None
    grids: tuple[GridImage, ...]
    base_sha256: str | None = None
    hosts: dict[str, str] = Field(default_factory=dict)
    started: float
    finished: float | None

    @property
    def kept(self) -> Candidate | None:
        """The checkpoint to keep: the person's choice, else dbsweep's; None while there is neither."""
        if self.overrule is not None:
            return self.overrule.candidate
        return self.choice.best if self.choice is not None else None

    def checkpoints_of(self, trial_id: str) -> tuple[Checkpoint, ...]:
        """The trial's checkpoints by rising step, shared ones included."""
        paths, by_branch = self._lookup
        mine = (c for branch, last in paths[trial_id].segments for c in by_branch.get(branch, ()) if c.step <= last)
        return tuple(sorted(mine, key=lambda c: c.step))

    @cached_property
    def _lookup(self) -> tuple[dict[str, TrialPath], dict[str, list[Checkpoint]]]:
        """Paths by trial and checkpoints by branch: with thousands of trials nobody should search for them."""
        by_branch: dict[str, list[Checkpoint]] = {}
        for checkpoint in self.checkpoints.values():
            by_branch.setdefault(checkpoint.branch, []).append(checkpoint)
        return {path.trial: path for path in self.plan.paths}, by_branch

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's, without what was looked up in the original."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("_lookup", None)
        return copied


BASE = "base"
"""The id under which the untrained base model's scorecard is kept."""
