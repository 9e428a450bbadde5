"""What will be done: trials, stages, branches, and what they cost."""

from __future__ import annotations

from dbsweep.records.record import Record, Scalar


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
        rate: factor of the learning rates in this span, of a schedule that changes at steps.
        trials: ids of the trials whose path leads through this stage.
    """

    id: str
    parent: str | None
    start_step: int
    end_step: int
    text_encoder_trains: bool
    trials: tuple[str, ...]
    rate: float = 1.0


class Milestone(Record):
    """A step at which a branch writes a checkpoint.

    Attributes:
        step: optimizer step, counted from the untrained base model.
        epoch: the last epoch that is over at this step; it ends with it but where a fork lies within an epoch.
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
        race_images: the most that the race of the best checkpoints can draw besides; in disk and time too.
        disk_bytes: checkpoints, states and images.
        seconds: estimated wall time on this machine, or None where no rate is known.
        alone: images, disk and time if every trial trained by itself; None in plans of earlier versions.
    """

    steps_alone: int
    steps_shared: int
    images: int
    race_images: int = 0
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
