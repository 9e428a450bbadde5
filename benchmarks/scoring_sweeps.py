"""MiniSD sweeps whose every checkpoint is drawn by the DreamBooth protocol, for `benchmarks.scoring`; resumable.

The protocol is 25 prompts, 4 images and 50 steps a checkpoint. In MiniSD's world the 25 prompts are the subject plain
and in eight contexts (clothes, backgrounds, close up), the subject in each of the seven styles other than photo, and
the class plain and in the eight contexts. Training, drawing and scoring are the product's; the UNet runs in bfloat16
where the processor has it, latents and schedule in float32.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.cached_sweeps import CachedSweep, SweepShape, keep_weights, work_through
from benchmarks.fast_unet import fast_unet
from benchmarks.scoring_pictures import read_pictures
from benchmarks.scoring_table import UTILITY, CheckpointTable, SweepTable, judged
from dbsweep.concepts.photos import list_photos, read_square
from dbsweep.execution import loaded
from dbsweep.execution.branch.trainer import make_trainer
from dbsweep.execution.drawing import class_images
from dbsweep.execution.drawing.evaluation import evaluation_seeds, prompts_to_draw
from dbsweep.execution.jobs import BranchJob
from dbsweep.minisd.attributes import STYLES
from dbsweep.minisd.subject import draw_subject, write_subject_photos
from dbsweep.models.restoring import read_weights
from dbsweep.records.plan import Milestone
from dbsweep.records.results import SampleImage, Scorecard
from dbsweep.sampling.denoising import Work
from dbsweep.sampling.request import ImageRequest
from dbsweep.sampling.sampler import draw
from dbsweep.scoring.reference import Reference, build_reference
from dbsweep.scoring.scorecard import score_base, score_checkpoint

CONTEXTS: Final = (
    "wearing a red shirt",
    "wearing a blue hoodie",
    "wearing a white shirt",
    "blue background",
    "yellow background",
    "pink background",
    "grey background",
    "close up",
)
PROTOCOL_PROMPTS, PROTOCOL_IMAGES, PROTOCOL_STEPS = 25, 4, 50
FIRST_IMAGES: Final = 2
STEPS: Final = 15
"""Sampling steps of the adaptive scoring."""
PHOTOS, TRAINED_STEPS, EVERY_STEPS = 8, 192, 48
SANITY_PROMPTS: Final = tuple(f"photo of {{}}, {style} style" for style in STYLES if style != "photo")
EVALUATE: Final[dict[str, Any]] = {
    "images_per_prompt": FIRST_IMAGES,
    "contexts": list(CONTEXTS),
    "num_inference_steps": STEPS,
    "race": {"images_per_prompt": PROTOCOL_IMAGES},
}
HOPELESS: Final = 0.15
"""Checkpoints whose utility over all prompts and images at `STEPS` is further below the best are not drawn with the
protocol's steps: they cannot be its choice."""
BATCH: Final = 50


@dataclass(frozen=True)
class SweepWork(CachedSweep):
    """The folder of one sweep, and the work that is done in it piece by piece."""

    @property
    def folder(self) -> Path:
        """Of this sweep."""
        return self.cache / f"sweep-{self.seed:05d}"

    @property
    def finished(self) -> Path:
        """The table of the whole sweep."""
        return self.cache / f"sweep-{self.seed:05d}.json"

    @property
    def shape(self) -> SweepShape:
        """The protocol's prompts: all styles and contexts."""
        return SweepShape(PHOTOS, TRAINED_STEPS, EVERY_STEPS, SANITY_PROMPTS, EVALUATE)

    @cached_property
    def points(self) -> tuple[tuple[BranchJob, Milestone], ...]:
        """Its checkpoints in the order of the plan."""
        return tuple((job, milestone) for job in self.jobs for milestone in job.branch.milestones)

    def next_piece(self) -> Callable[[], object] | None:
        """The next thing to do, one to three minutes of one core; None when all is done."""
        if self.finished.exists():
            return None
        if not (self.folder / "photos").exists():
            return lambda: write_subject_photos(self.seed, None, PHOTOS, self.folder / "photos")
        for job in self.jobs:
            if not self._weights(job, job.branch.milestones[-1]).exists():
                return lambda: self._train(job)
        klass = draw_subject(self.seed).klass
        for steps in (STEPS, PROTOCOL_STEPS):
            for file, source in ((self._base_file(klass, steps), None), *self._to_draw(steps)):
                if not file.exists():
                    return lambda: self._draw(file, source, steps)
        return self._finish

    def _to_draw(self, steps: int) -> Iterator[tuple[Path, Path]]:
        """Files of the checkpoints' pictures and their weights; with the protocol's steps the hopeful ones."""
        for job, milestone in self.points:
            if steps == STEPS or self._is_hopeful(job, milestone):
                yield self._pictures_file(job, milestone, steps), self._weights(job, milestone)

    def _is_hopeful(self, job: BranchJob, milestone: Milestone) -> bool:
        return self._utilities[f"{job.branch.id}-{milestone.step}"] >= max(self._utilities.values()) - HOPELESS

    @cached_property
    def _utilities(self) -> dict[str, float]:
        """Of every checkpoint, over all prompts and images at `STEPS`; asked for when they have been drawn."""
        reference = self._reference(STEPS)
        return {
            f"{job.branch.id}-{m.step}": UTILITY.value_of(self._card(job, m, STEPS, PROTOCOL_IMAGES, reference))
            for job, m in self.points
        }

    def _weights(self, job: BranchJob, milestone: Milestone) -> Path:
        return self.folder / "checkpoints" / f"{job.branch.id}-{milestone.step:06d}"

    def _pictures_file(self, job: BranchJob, milestone: Milestone, steps: int) -> Path:
        return self.folder / f"{job.branch.id}-{milestone.step:06d}-{steps}.npz"

    def _base_file(self, klass: str, steps: int) -> Path:
        return self.cache / f"base-{klass}-{steps}.npz"

    def _train(self, job: BranchJob) -> None:
        """One branch from the base model to its end, its checkpoints kept as the product keeps them."""
        class_images.draw_class_images(self.job)
        models = loaded.untrained_models(self.job.base)
        loaded.models_to_change(self.job.base)
        trainer = make_trainer(job, models)
        for milestone in job.branch.milestones:
            trainer.train_until(milestone.step, lambda _: None)
            keep_weights(self._weights(job, milestone), job, models, milestone)

    def _draw(self, file: Path, weights: Path | None, steps: int) -> None:
        """All prompts with all seeds; of the untrained model with the class noun in the subject's place."""
        models = loaded.untrained_models(self.job.base)
        if weights is not None:
            read_weights(weights, loaded.models_to_change(self.job.base))
        evaluate, work = self.experiment.evaluate, Work()
        requests = [
            ImageRequest(
                prompt=text,
                negative_prompt="",
                seed=seed,
                guidance_scale=evaluate.guidance_scale,
                num_inference_steps=steps,
                sampler=evaluate.sampler,
                width=64,
                height=64,
            )
            for text in self._texts(base=weights is None)
            for seed in evaluation_seeds(self.experiment, PROTOCOL_IMAGES)
        ]
        with fast_unet(models):
            images = draw(models, requests, batch_size=BATCH, work=work)
        fresh = file.with_name(f".{os.getpid()}-{file.name}")
        with fresh.open("wb") as stream:
            np.savez_compressed(stream, images=np.stack(images), evaluations=np.array(work.unet_evaluations))
        fresh.replace(file)

    def _texts(self, *, base: bool) -> list[str]:
        prompts = prompts_to_draw(self.experiment)
        return [prompt.base_prompt if base else prompt.prompt for prompt in prompts]

    def _reference(self, steps: int) -> Reference:
        pictures = read_pictures(self._base_file(draw_subject(self.seed).klass, steps))
        texts, n = self._texts(base=True), PROTOCOL_IMAGES
        return build_reference(
            prompts_to_draw(self.experiment),
            evaluation_seeds(self.experiment, n),
            {text: pictures.images[i * n : (i + 1) * n] for i, text in enumerate(texts)},
            [[read_square(path, 64) for path in list_photos(self.folder / "photos")]],
            loaded.encoder(self.job.encoder),
        )

    def _card(self, job: BranchJob, milestone: Milestone, steps: int, seeds: int, reference: Reference) -> Scorecard:
        pictures = read_pictures(self._pictures_file(job, milestone, steps))
        samples = self._samples(seeds)
        places = [p * PROTOCOL_IMAGES + s for p in range(PROTOCOL_PROMPTS) for s in range(seeds)]
        images = [pictures.images[place] for place in places]
        name = f"{job.branch.id}-{milestone.step:06d}"
        return score_checkpoint(name, images, samples, loaded.encoder(self.job.encoder), reference)

    def _samples(self, seeds: int) -> list[SampleImage]:
        return [
            SampleImage(path="", prompt=p.prompt, kind=p.kind, concept=0, prompt_index=p.prompt_index, seed=seed)
            for p in prompts_to_draw(self.experiment)
            for seed in evaluation_seeds(self.experiment, seeds)
        ]

    def _finish(self) -> None:
        """The table of the sweep, from all pictures."""
        references = {steps: self._reference(steps) for steps in (STEPS, PROTOCOL_STEPS)}
        points = []
        for job, milestone in self.points:
            cards = {
                seeds: judged(self._card(job, milestone, STEPS, seeds, references[STEPS]))
                for seeds in self.experiment.evaluate.levels
            }
            hopeful = self._is_hopeful(job, milestone)
            protocol = (
                self._card(job, milestone, PROTOCOL_STEPS, PROTOCOL_IMAGES, references[PROTOCOL_STEPS])
                if hopeful
                else None
            )
            points.append(
                CheckpointTable(
                    trial=job.branch.trials[0],
                    branch=job.branch.id,
                    step=milestone.step,
                    epoch=milestone.epoch,
                    cards=cards,
                    protocol=judged(protocol) if protocol is not None else None,
                )
            )
        klass = draw_subject(self.seed).klass
        table = SweepTable(
            seed=self.seed,
            klass=klass,
            base=judged(score_base(self._samples(FIRST_IMAGES), references[STEPS])),
            evaluations_per_image=self._evaluations_per_image(klass, STEPS),
            protocol_evaluations_per_image=self._evaluations_per_image(klass, PROTOCOL_STEPS),
            checkpoints=tuple(points),
        )
        self.finished.write_text(table.model_dump_json(), encoding="utf-8")

    def _evaluations_per_image(self, klass: str, steps: int) -> int:
        pictures = read_pictures(self._base_file(klass, steps))
        return pictures.evaluations // len(pictures.images)


def open_sweeps(seeds: Sequence[int], cache: Path, pieces: int | None, say: Callable[[str], None]) -> list[SweepTable]:
    """The tables of the sweeps; what is missing is trained and drawn, at most so many pieces of it.

    Returns:
        Those that are there, in the order of the seeds.
    """
    files = work_through([SweepWork(seed, cache) for seed in seeds], pieces, say)
    return [SweepTable.model_validate_json(file.read_text(encoding="utf-8")) for file in files]
