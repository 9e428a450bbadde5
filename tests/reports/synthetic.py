"""A made-up finished run with pictures on disk: learning, overtraining, forks and a failure, without any training."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw

from dbsweep.config.choosing import Choosing
from dbsweep.config.schema import Experiment
from dbsweep.records.choice import Candidate, Choice
from dbsweep.records.names import BASE, Metric, PromptKind, TrialState, VerdictState
from dbsweep.records.plan import Branch, Cost, Milestone, Plan, Trial, TrialPath
from dbsweep.records.results import Checkpoint, GridImage, SampleImage, Score, Scorecard, StepLog, Verdict
from dbsweep.records.run import RunRecord
from dbsweep.selection.utility import utility_for
from tests.plan.trees import path_of

Draw = Callable[[PromptKind, int, int, float, float], Image.Image]
"""Draws (kind, prompt index, seed, learned, lost) as an image."""

PROMPTS = (
    (PromptKind.INSTANCE, "photo of ohwx man", "photo of man"),
    (PromptKind.SANITY, "photo of ohwx man, ink poster style", "photo of man, ink poster style"),
    (PromptKind.SANITY, "photo of ohwx man, pencil sketch style", "photo of man, pencil sketch style"),
    (PromptKind.CLASS, "photo of man", "photo of man"),
)
STEPS_PER_EPOCH = 12
UTILITY = utility_for(Choosing(), None)


def plain_drawing(kind: PromptKind, index: int, seed: int, learned: float, lost: float) -> Image.Image:
    """A face whose colour is how much was learned and whose ground is the prompt's."""
    grounds = {PromptKind.INSTANCE: 210, PromptKind.SANITY: 120 + 40 * index, PromptKind.CLASS: 60}
    ground = round(grounds[kind] * (1 - lost) + 210 * lost)
    image = Image.new("RGB", (64, 64), (ground, ground, 200))
    skin = (round(90 + 150 * learned), 120, 60 + seed % 4 * 30)
    ImageDraw.Draw(image).ellipse((16, 10, 48, 54), fill=skin)
    return image


@dataclass
class Synthetic:
    """Builds a run in `folder`: one branch for each rate, which trials of each of `epochs` read."""

    folder: Path
    rates: tuple[float, ...] = (5e-5, 2e-4, 8e-4)
    epochs: tuple[int, ...] = (20, 60)
    others: tuple[tuple[int, float], ...] = ((12, 1.0),)
    every: int = 10
    seeds: int = 2
    draw: Draw = plain_drawing
    record: RunRecord = field(init=False)

    def __post_init__(self) -> None:
        experiment = self._experiment()
        for folder in ("photos", "images", "grids"):
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
        for i in range(12):
            self.draw(PromptKind.INSTANCE, 0, 900 + i, 1.0, 0.0).save(self.folder / f"photos/photo {i}.png")
        self._plan()
        self._results()
        self.record = RunRecord(
            name="synthetic",
            experiment=experiment.model_dump(mode="json"),
            plan=self.plan,
            states={trial.id: TrialState.COMPLETED for trial in self.plan.trials},
            branch_states={branch.id: TrialState.COMPLETED for branch in self.plan.branches},
            failures={},
            checkpoints=self.checkpoints,
            logs=self.logs,
            scorecards=self.cards,
            verdicts=self.verdicts,
            choice=self._choice(),
            grids=(self._grid(),),
            hosts={branch.id: "workstation" for branch in self.plan.branches},
            started=1_795_357_200.0,
            finished=1_795_357_531.0,
        )

    def _experiment(self) -> Experiment:
        return Experiment.model_validate(
            {
                "name": "synthetic",
                "base_model": "minisd",
                "concepts": [
                    {
                        "instance_images": str(self.folder / "photos"),
                        "instance_token": "ohwx",
                        "class_token": "man",
                        "instance_prompt": PROMPTS[0][1],
                        "class_prompt": "photo of man",
                        "sanity_prompts": [PROMPTS[1][1], PROMPTS[2][1]],
                    }
                ],
                "train": {"resolution": 64, "epochs": max(self.epochs)},
            }
        )

    def _plan(self) -> None:
        trials: list[Trial] = []
        branches: list[Branch] = []
        paths: list[TrialPath] = []
        for rate in self.rates:
            for images, ratio in self.others:
                branch = f"b{len(branches) + 1:02d}"
                settings = {"learning_rate": rate, "class_images_per_instance": images, "text_encoder_ratio": ratio}
                ids = []
                for epochs in self.epochs:
                    ids.append(f"t{len(trials) + 1:03d}")
                    trials.append(Trial(id=ids[-1], settings={**settings, "epochs": epochs}))
                    end = epochs * STEPS_PER_EPOCH
                    paths.append(TrialPath(trial=ids[-1], segments=((branch, end),), end_step=end))
                branches.append(self._branch(branch, tuple(ids), dict(trials[-1].settings)))
        shared = max(self.epochs) * STEPS_PER_EPOCH * len(branches)
        alone = sum(path.end_step for path in paths)
        cost = Cost(steps_alone=alone, steps_shared=shared, images=1, disk_bytes=1, seconds=None)
        self.plan = Plan(
            steps_per_epoch=STEPS_PER_EPOCH,
            trials=tuple(trials),
            stages=(),
            branches=tuple(branches),
            paths=tuple(paths),
            cost=cost,
        )

    def _branch(self, branch: str, trials: tuple[str, ...], settings: dict[str, bool | int | float | str]) -> Branch:
        epochs = range(self.every, max(self.epochs) + 1, self.every)
        milestones = tuple(Milestone(step=e * STEPS_PER_EPOCH, epoch=e, evaluate=True, fork=False) for e in epochs)
        return Branch(
            id=branch,
            parent=None,
            fork_step=0,
            stages=(),
            milestones=milestones,
            trials=trials,
            settings=settings,
            text_encoder_steps=0,
        )

    def _results(self) -> None:
        self.checkpoints: dict[str, Checkpoint] = {}
        self.logs: dict[str, StepLog] = {}
        self.cards = {BASE: self._card(BASE, 0.0, 0.0)}
        self.verdicts: dict[str, Verdict] = {}
        for branch in self.plan.branches:
            onset = None
            for milestone in branch.milestones:
                learned, lost = self.progress(branch, milestone.epoch)
                name = f"{branch.id}-{milestone.step:06d}"
                self.checkpoints[name] = Checkpoint(
                    id=name,
                    branch=branch.id,
                    step=milestone.step,
                    epoch=milestone.epoch,
                    path=f"checkpoints/{name}",
                    sha256="5f" * 32,
                    bytes=1,
                )
                loss = 0.12 - 0.05 * learned
                self.logs[name] = StepLog(
                    step=milestone.step,
                    loss=loss,
                    instance_loss=loss,
                    prior_loss=loss,
                    learning_rate=1e-4,
                    grad_norm=1.0,
                    steps_per_s=10.0,
                    memory_bytes=1,
                )
                self.cards[name] = self._card(name, learned, lost)
                onset = milestone.step if lost > 0.3 and onset is None else onset
                for trial in branch.trials:
                    if path_of(self.plan, trial).end_step >= milestone.step:
                        self.verdicts[trial] = self._verdict(learned, onset)

    def progress(self, branch: Branch, epoch: int) -> tuple[float, float]:
        """How much of the subject was learned and how much of the rest lost, each 0 to 1."""
        settings = branch.settings
        pace = float(settings["learning_rate"]) / 2e-4 * (0.5 + 0.5 * float(settings["text_encoder_ratio"]))
        keep = 1 + int(settings["class_images_per_instance"]) / 24
        learned = 1 - math.exp(-pace * epoch / 16)
        lost = 1 / (1 + math.exp(-(pace * epoch / keep - 50) / 9))
        return learned, lost

    def _verdict(self, learned: float, onset: int | None) -> Verdict:
        if onset is not None:
            evidence = "style fell from 0.98 to 0.41 of the base's (95% interval of the drop 0.31 to 0.50)"
            return Verdict(state=VerdictState.OVERTRAINED, onset_step=onset, evidence=evidence)
        state = VerdictState.READY if learned > 0.7 else VerdictState.UNDERTRAINED
        return Verdict(state=state, onset_step=None, evidence=f"identity is {learned:.2f} at the end")

    def _card(self, name: str, learned: float, lost: float) -> Scorecard:
        images = []
        for i, (kind, prompt, base_prompt) in enumerate(PROMPTS):
            index = max(i - 1, 0) if kind is PromptKind.SANITY else 0
            for seed in range(420420, 420420 + self.seeds):
                path = f"images/{name}-{i}-{seed}.png"
                self.draw(kind, index, seed, learned, lost).save(self.folder / path, compress_level=1)
                text = base_prompt if name == BASE else prompt
                images.append(SampleImage(path=path, prompt=text, kind=kind, concept=0, prompt_index=index, seed=seed))
        values = {
            Metric.IDENTITY: learned * 0.95,
            Metric.STYLE: 1 - lost,
            Metric.PRIOR: 1 - 0.7 * lost,
            Metric.DIVERSITY: 0.5 - 0.2 * lost,
        }
        scores = {
            m: Score(value=v, low=v - 0.05, high=v + 0.05, samples=(v - 0.01, v + 0.01)) for m, v in values.items()
        }
        return Scorecard(checkpoint=name, scores=scores, images=tuple(images))

    def _choice(self) -> Choice:
        candidates = []
        for path in self.plan.paths:
            branch = path.segments[0][0]
            for c in self.checkpoints.values():
                if c.branch == branch and c.step <= path.end_step:
                    values = {m: self.cards[c.id].value(m) for m in Metric if m in self.cards[c.id].scores}
                    candidates.append(self._candidate(path.trial, c, values))
        candidates.sort(key=lambda c: -c.utility)
        return Choice(
            best=candidates[0], reason="It has the best utility of all checkpoints.", candidates=tuple(candidates)
        )

    def _candidate(self, trial: str, c: Checkpoint, values: dict[Metric, float]) -> Candidate:
        return Candidate(
            trial=trial,
            checkpoint=c.id,
            step=c.step,
            epoch=c.epoch,
            identity=values[Metric.IDENTITY],
            style=values[Metric.STYLE],
            prior=values[Metric.PRIOR],
            utility=UTILITY.value(values),
            on_front=UTILITY.value(values) > 0.85,
        )

    def _grid(self) -> GridImage:
        scales, weights, seeds = ("3", "5", "7.5", "10", "14"), ("0.8", "1", "1.2", "1.4"), (1, 2)
        rows = []
        for y in weights:
            cells = []
            for x in scales:
                paths = []
                for seed in seeds:
                    path = f"grids/{x}-{y}-{seed}.png"
                    self.draw(PromptKind.SANITY, 0, seed, min(1.0, float(y) * 0.6), 0.0).save(self.folder / path)
                    paths.append(path)
                cells.append(tuple(paths))
            rows.append(tuple(cells))
        return GridImage(
            title="CFG scale × weight of “ohwx man”",
            prompt="photo of ohwx man, ink poster style",
            x_label="CFG scale",
            y_label="weight of “ohwx man”",
            z_label="",
            x_values=scales,
            y_values=weights,
            z_values=(),
            seeds=seeds,
            cells=(tuple(rows),),
        )


def with_two_subjects(record: RunRecord, identities: tuple[float, float], spread: float = 0.04) -> RunRecord:
    """The run as if it had taught "zwx woman" too: the same pictures for both, and these identities everywhere.

    Samples lie `spread` above and below, seed by seed, and further apart for the second subject; in a drawing identity
    is 0.2 less. Style and prior are 0.9 and 0.8 of "ohwx man", 0.6 and 0.5 of "zwx woman".
    """
    first = record.experiment["concepts"][0]  # type: ignore[index]
    second = {
        name: _renamed(value) if name not in ("instance_images", "validation_images") else value
        for name, value in first.items()
    }
    cards = {name: _with_both(card, identities, spread) for name, card in record.scorecards.items()}
    experiment = {**record.experiment, "concepts": [first, second]}
    return record.model_copy(update={"experiment": experiment, "scorecards": cards})


def _renamed(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_renamed(each) for each in value]
    return value.replace("ohwx", "zwx").replace("man", "woman") if isinstance(value, str) else value


def _with_both(card: Scorecard, identities: tuple[float, float], spread: float) -> Scorecard:
    both = [
        image.model_copy(
            update={"concept": concept, "prompt": image.prompt if concept == 0 else _renamed(image.prompt)}
        )
        for concept in (0, 1)
        for image in card.images
    ]
    images = sorted(both, key=lambda image: image.seed)
    levels = {
        Metric.IDENTITY: (identities, (PromptKind.INSTANCE, PromptKind.SANITY)),
        Metric.STYLE: ((0.9, 0.6), (PromptKind.SANITY,)),
        Metric.PRIOR: ((0.8, 0.5), (PromptKind.CLASS,)),
    }
    scores = dict(card.scores)
    for metric, (values, kinds) in levels.items():
        samples = []
        for image in images:
            if image.kind in kinds:
                lower = 0.2 * (metric is Metric.IDENTITY and image.kind is PromptKind.SANITY)
                sign = 1 if image.seed % 2 else -1
                samples.append(values[image.concept] - lower + sign * spread * (1 + image.concept))
        mean = sum(samples) / len(samples)
        scores[metric] = Score(value=mean, low=mean - 0.05, high=mean + 0.05, samples=tuple(samples))
    return card.model_copy(update={"images": tuple(images), "scores": scores})
