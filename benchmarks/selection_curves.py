"""What is kept of the trainings of one subject: scores, losses and the oracle's view of every checkpoint; no images.

A few kilobytes a subject, so that everything that chooses, judges and stops can be run again in seconds.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, Field

from dbsweep.records.names import Metric
from dbsweep.records.record import Record
from dbsweep.records.results import Checkpoint, Score, Scorecard
from dbsweep.selection.utility import JUDGED

DIGITS = 4
CLASS_IMAGES_SETTING: Final = "class_images_per_instance"

Rounded: TypeAlias = Annotated[float, AfterValidator(lambda value: round(value, DIGITS))]
Row: TypeAlias = tuple[Rounded, ...]
Loss: TypeAlias = Annotated[float, AfterValidator(lambda value: round(value, 6))]


class OracleView(Record):
    """What the oracle sees in the images that a model drew for the oracle's own prompts and seeds.

    Attributes:
        identity: of each instance image, the mean probability of the subject's attributes.
        style: of each sanity image, the probability of the style that was asked for; prompt by prompt.
        style_identity: of each sanity image, as `identity`.
        klass: of each class image, the probability that it is a photo of the class.
        class_identity: of each class image, as `identity`.
        variety: of each class image, how much its attributes differ from those of the others of its half, 0 to 1; the
            halves are every other image.
    """

    identity: Row
    style: Row
    style_identity: Row
    klass: Row
    class_identity: Row
    variety: Row


class CardData(Record):
    """A scorecard without its pictures: the value of each metric, and paired samples of those that are judged by."""

    values: dict[Metric, Rounded]
    samples: dict[Metric, Row]

    @classmethod
    def of(cls, card: Scorecard) -> CardData:
        """What is kept of a scorecard."""
        return cls(
            values={metric: score.value for metric, score in card.scores.items()},
            samples={metric: score.samples for metric, score in card.scores.items() if metric in JUDGED},
        )

    def card(self, checkpoint: str) -> Scorecard:
        """The scorecard again; its intervals are not kept, since neither verdict nor choice reads them."""
        scores = {m: Score(value=v, low=v, high=v, samples=self.samples.get(m, ())) for m, v in self.values.items()}
        return Scorecard(checkpoint=checkpoint, scores=scores, images=())


class CheckpointCurve(Record):
    """One checkpoint.

    Attributes:
        card: the product's scorecard.
        validation_loss: mean squared error on held-out photos, at fixed noise and timesteps.
        oracle: what the judge sees.
        closer: images a prompt → the product's scorecard after a round of the race; empty for what was never in one.
    """

    step: int
    card: CardData
    validation_loss: Loss
    oracle: OracleView
    closer: dict[int, CardData] = Field(default_factory=dict)


class TrialCurve(Record):
    """One long training.

    Attributes:
        learning_rate: swept in every sweep.
        others: what else is swept, by the name of the setting.
        checkpoints: by rising step.
        training_loss: mean squared error on training photos at fixed noise and timesteps, every `loss_every` steps.
        loss_every: steps.
    """

    learning_rate: float
    others: dict[str, float] = Field(default_factory=dict)
    checkpoints: tuple[CheckpointCurve, ...]
    training_loss: tuple[Loss, ...]
    loss_every: int

    @property
    def swept(self) -> dict[str, float]:
        """All that is swept, by the name of the setting."""
        return {"learning_rate": self.learning_rate, **self.others}

    @property
    def settings(self) -> str:
        """What is swept, as a person reads it."""
        return ", ".join([f"{self.learning_rate:g}", *(f"{name} {value:g}" for name, value in self.others.items())])

    @property
    def id(self) -> str:
        """Begins the names of its checkpoints."""
        return "-".join([f"lr{self.learning_rate:g}", *(f"{name}{value:g}" for name, value in self.others.items())])

    @property
    def steps(self) -> tuple[int, ...]:
        """Of the checkpoints."""
        return tuple(checkpoint.step for checkpoint in self.checkpoints)


class SubjectCurves(Record):
    """A sweep of one subject.

    Attributes:
        seed: of the subject, see `dbsweep.minisd.subject.draw_subject`.
        klass: its class; photos: how many it is taught on; steps_per_epoch: of its trainings.
        base: the untrained model's scorecard; base_oracle: the judge's view of it.
        photo_identity: oracle's `identity` of the photos, held-out ones too.
        style_identity: the same of true pictures of the subject in each style that the oracle asks for.
        step_evaluations: UNet forward passes of one image that an optimizer step with class images costs; a backward
            pass counts two.
        card_evaluations: those that drawing the images of one scorecard costs.
        base_evaluations: those of the untrained model's images, with all seeds that the race may draw.
    """

    seed: int
    klass: str
    photos: int
    steps_per_epoch: int
    base: CardData
    base_oracle: OracleView
    photo_identity: Rounded
    style_identity: Row
    step_evaluations: int
    card_evaluations: int
    base_evaluations: int
    trials: tuple[TrialCurve, ...]

    def step_cost(self, trial: TrialCurve) -> int:
        """UNet forward passes of one image that a step of this trial costs: half where it has no class images."""
        return self.step_evaluations // (1 if trial.others.get(CLASS_IMAGES_SETTING, 1.0) > 0.0 else 2)

    def candidates(self) -> list[tuple[str, Checkpoint, Scorecard]]:
        """All checkpoints as the choice takes them."""
        return [
            (trial.id, checkpoint_of(trial, point, self.steps_per_epoch), point.card.card(name_of(trial, point)))
            for trial in self.trials
            for point in trial.checkpoints
        ]

    def closer_look(self, name: str, level: int) -> Scorecard | None:
        """The scorecard of a checkpoint with so many images a prompt; None where there was none."""
        trial = next(trial for trial in self.trials if name.startswith(f"{trial.id}-"))
        point = next(point for point in trial.checkpoints if name_of(trial, point) == name)
        return point.closer[level].card(name) if level in point.closer else None

    def with_closer_looks(self, cards: Mapping[str, dict[int, CardData]]) -> SubjectCurves:
        """The same with the scorecards of a race, by checkpoint and images a prompt."""
        return self._with("closer", {name: cards.get(name, {}) for name in self.names})

    def judged_closer(self, views: Mapping[str, OracleView]) -> SubjectCurves:
        """The same where the judge has seen more of some checkpoints."""
        return self._with("oracle", views)

    @property
    def names(self) -> list[str]:
        """Of all checkpoints."""
        return [name_of(trial, point) for trial in self.trials for point in trial.checkpoints]

    def _with(self, field: str, values: Mapping[str, object]) -> SubjectCurves:
        def changed(trial: TrialCurve, point: CheckpointCurve) -> CheckpointCurve:
            name = name_of(trial, point)
            return point.model_copy(update={field: values[name]}) if name in values else point

        trials = [
            t.model_copy(update={"checkpoints": tuple(changed(t, p) for p in t.checkpoints)}) for t in self.trials
        ]
        return self.model_copy(update={"trials": tuple(trials)})


def name_of(trial: TrialCurve, point: CheckpointCurve) -> str:
    """The id of a checkpoint."""
    return f"{trial.id}-{point.step:06d}"


def checkpoint_of(trial: TrialCurve, point: CheckpointCurve, steps_per_epoch: int) -> Checkpoint:
    """The record of a checkpoint whose weights are gone."""
    return Checkpoint(
        id=name_of(trial, point),
        branch=trial.id,
        step=point.step,
        epoch=point.step // steps_per_epoch,
        path="",
        sha256="",
        bytes=0,
    )


def write_curves(curves: Sequence[SubjectCurves], path: Path) -> None:
    """Write a gzipped JSON file, the same bytes for the same curves."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([json.loads(each.model_dump_json()) for each in curves], separators=(",", ":"))
    fresh = path.with_name(f".{path.name}")
    fresh.write_bytes(gzip.compress(text.encode(), mtime=0))
    fresh.replace(path)


def read_curves(path: Path) -> list[SubjectCurves]:
    """Read what `write_curves` wrote."""
    return [SubjectCurves.model_validate(each) for each in json.loads(gzip.decompress(path.read_bytes()))]
