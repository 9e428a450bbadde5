"""What training and scoring produce: checkpoints, scores, pictures, verdicts."""

from __future__ import annotations

from pydantic import Field

from dbsweep.records.names import BASE, Metric, PromptKind, VerdictState
from dbsweep.records.record import Record, Scalar


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


class TokenMeaning(Record):
    """What the untrained model's pictures say of an instance token, with it and with the class noun in its place.

    Attributes:
        token: the word.
        pieces: into which the tokenizer splits it, as a person reads them.
        prompt, base_prompt: what was drawn with the token and without.
        images: how many of each, from the same seeds.
        effect: how far the token moves the pictures (`dbsweep.scoring.token_meaning.shift_effect`); 0 = not at all.
        known: whether the model draws something of its own for it; None where these images do not tell.
    """

    token: str
    pieces: tuple[str, ...]
    prompt: str
    base_prompt: str
    images: int
    effect: float
    known: bool | None


class Scorecard(Record):
    """All metrics of one checkpoint, and the images that they were measured on.

    Attributes:
        tokens: what the base model makes of the instance tokens; on its own card alone.
    """

    checkpoint: str
    scores: dict[Metric, Score]
    images: tuple[SampleImage, ...]
    tokens: tuple[TokenMeaning, ...] = ()

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


class StepSeries(Record):
    """Training figures along the steps since the previous checkpoint, as columns of equal length.

    Each point is the mean over the steps since the point before; there are at most as many as
    `dbsweep.training.log.POINTS`, however many steps.

    Attributes:
        steps: the last step of each point.
        loss, instance_loss, prior_loss, grad_norm, images_per_s: as in `StepLog`.
        learning_rate, text_encoder_learning_rate: of the point's last step; 0 where the text encoder does not train.
    """

    steps: tuple[int, ...]
    loss: tuple[float, ...]
    instance_loss: tuple[float, ...]
    prior_loss: tuple[float, ...]
    grad_norm: tuple[float, ...]
    learning_rate: tuple[float, ...]
    text_encoder_learning_rate: tuple[float, ...]
    images_per_s: tuple[float, ...]


class StepLog(Record):
    """Training figures averaged since the previous checkpoint.

    Attributes:
        loss, instance_loss, prior_loss: mean squared error of the predicted noise, unweighted apart.
        learning_rate, text_encoder_learning_rate: of the last step, times Prodigy's estimate; 0 where the text encoder
            does not train.
        grad_norm: of all that trains, before clipping, without steps that fp16 skips, for their gradients overflow;
            infinite where there are no others.
        steps_per_s: optimizer steps per second of training alone.
        images_per_s: images through the UNet per second, class images included; 0 in runs older than this field.
        memory_bytes: peak of the process (CPU) or of the device's allocator (GPU) while these steps were trained; on
            the CPU of other systems than Linux since the process began.
        series: the same figures step by step, thinned; None where nobody trained.
        savings: settings of `train` that were changed because memory had run out.
    """

    step: int
    loss: float
    instance_loss: float
    prior_loss: float
    learning_rate: float
    grad_norm: float
    steps_per_s: float
    memory_bytes: int
    text_encoder_learning_rate: float = 0.0
    images_per_s: float = 0.0
    series: StepSeries | None = None
    savings: dict[str, Scalar] = Field(default_factory=dict)


class GridModel(Record):
    """The weights that draw a part of a grid.

    Attributes:
        title: as the heads of the report name it: `base`, `epoch 12`, `t005, epoch 8`.
        checkpoint: None for the untrained base model.
    """

    title: str
    checkpoint: Checkpoint | None

    @property
    def id(self) -> str:
        """The checkpoint's, or ``"base"``."""
        return self.checkpoint.id if self.checkpoint is not None else BASE


class GridModels(Record):
    """What a grid of the experiment is drawn from, when the choice is known.

    Attributes:
        chosen: the checkpoint of the choice.
        models: of a grid that varies the checkpoint those that can be drawn, each once; else the chosen one alone.
        notes: sentences about those that cannot.
    """

    chosen: Checkpoint
    models: tuple[GridModel, ...]
    notes: tuple[str, ...] = ()


class GridImage(Record):
    """A drawn grid: labels of its axes and the cells' image paths.

    Attributes:
        cells: ``cells[z][y][x]`` is the images of one cell (one per seed), relative to the run folder.
        prompt: the prompt of the grid before its axes act.
        checkpoints: of an axis that varies the checkpoint their ids, ``"base"`` included, in the order of its values.
        into: of an axis of merges the custom model, without folders; empty where no axis is.
        notes: what is left out and why; what could not be drawn has no images in its cell.
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
    checkpoints: tuple[str, ...] = ()
    into: str = ""
    notes: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """All images; none where nothing that it names could be drawn."""
        return tuple(path for layer in self.cells for row in layer for cell in row for path in cell)
