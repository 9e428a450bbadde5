"""The sweep of one subject, prepared, trained and kept piece by piece: `python -m benchmarks.selection`.

Subjects differ in looks, in class (man, woman, robot) and in the number of photos, as users' do. The sweep is three
learning rates, from too gentle to too hard, trained for 192 steps with a checkpoint every 24. In-process: the plan,
the trainer, the drawing and the scoring are the product's, without Ray around them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.selection_curves import CardData, SubjectCurves, TrialCurve
from benchmarks.selection_judge import ceilings, draw_for_oracle, look
from benchmarks.selection_training import train_trial
from dbsweep.concepts.photos import list_photos, read_square
from dbsweep.config.schema import Experiment
from dbsweep.execution import loaded, prepare
from dbsweep.execution.evaluation import evaluation_seeds, prompts_to_draw
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, SweepJob, branch_jobs, sweep_job
from dbsweep.minisd.paths import clip_path, pipeline_path
from dbsweep.minisd.subject import draw_subject, write_subject_photos
from dbsweep.plan.plan import make_plan
from dbsweep.records.plan import Plan

LEARNING_RATES: Final = (3e-5, 9e-5, 2.7e-4)
STEPS, EVERY_STEPS = 192, 24
PHOTO_COUNTS: Final = (4, 6, 8, 12)
"""Photos that subjects are taught on, in turn; all divide `EVERY_STEPS`."""
HELD_OUT: Final = 4
CLASS_IMAGES: Final = 24


def photo_count(seed: int) -> int:
    """How many photos a subject is taught on."""
    return PHOTO_COUNTS[seed % len(PHOTO_COUNTS)]


def experiment_of(seed: int, folder: Path) -> Experiment:
    """The experiment file of one subject's sweep, as a person would write it.

    Args:
        folder: holds the subject's `photos`.
    """
    klass, photos = draw_subject(seed).klass, photo_count(seed)
    content: dict[str, Any] = {
        "name": f"subject-{seed:05d}",
        "base_model": "minisd",
        "concepts": [
            {
                "instance_images": str(folder / "photos"),
                "instance_token": "ohwx",
                "class_token": klass,
                "instance_prompt": f"photo of ohwx {klass}",
                "class_prompt": f"photo of {klass}",
                "sanity_prompts": [f"photo of ohwx {klass}, {style} style" for style in ("ink poster", "neon")],
            }
        ],
        "train": {"resolution": 64, "batch_size": 1, "seed": seed},
        "search": {
            "learning_rate": list(LEARNING_RATES),
            "epochs": [STEPS // photos],
            "class_images_per_instance": [CLASS_IMAGES // photos],
            "text_encoder_ratio": [1.0],
        },
        "evaluate": {
            "every_epochs": EVERY_STEPS // photos,
            "images_per_prompt": 4,
            "num_inference_steps": 15,
            "encoder": "minisd",
            "race": {"enabled": False},  # the curves are of first looks
        },
    }
    return Experiment.model_validate(content)


@dataclass(frozen=True)
class SubjectWork:
    """The folder of one subject, and the work that is done in it.

    Attributes:
        seed: of the subject.
        cache: of all subjects.
    """

    seed: int
    cache: Path

    @property
    def folder(self) -> Path:
        """Of this subject."""
        return self.cache / f"subject-{self.seed:05d}"

    @property
    def finished(self) -> Path:
        """The curves of the whole subject."""
        return self.cache / f"curves-{self.seed:05d}.json"

    @cached_property
    def experiment(self) -> Experiment:
        """Of this subject."""
        return experiment_of(self.seed, self.folder)

    @cached_property
    def plan(self) -> Plan:
        """Of its sweep."""
        return make_plan(self.experiment, [photo_count(self.seed)])

    @cached_property
    def job(self) -> SweepJob:
        """What its branches share; class images are shared by the subjects of a class."""
        return sweep_job(
            self.folder / "run",
            self.cache / "shared",
            self.experiment,
            self.plan,
            [photo_count(self.seed)],
            base=str(pipeline_path()),
            encoder=str(clip_path()),
        )

    def next_piece(self) -> Callable[[], None] | None:
        """The next thing to do, a few minutes at most; None when all is done."""
        if self.finished.exists():
            return None
        if not self._base_file.exists():
            return self._prepare
        for job in branch_jobs(self.job, self.plan):
            if not self._trial_file(job).exists():
                return lambda: self._train(job)
        return self._finish

    @property
    def _held_out(self) -> Path:
        return self.folder / "held out"

    @property
    def _base_file(self) -> Path:
        return self.folder / "base.json"

    def _trial_file(self, job: BranchJob) -> Path:
        return self.folder / f"trial-{job.branch.id}.json"

    def _prepare(self) -> None:
        """Photos, class images, and what the untrained model draws."""
        shutil.rmtree(self.folder, ignore_errors=True)
        count = photo_count(self.seed)
        written = write_subject_photos(self.seed, None, count + HELD_OUT, self.folder / "photos")
        (self._held_out).mkdir()
        for path in written[count:]:
            path.rename(self._held_out / path.name)
        RunFolder(self.job.run_folder).path.mkdir(parents=True)
        prepare.draw_class_images(self.job)
        _, card = prepare.draw_references(self.job)
        subject = draw_subject(self.seed)
        pictures = draw_for_oracle(loaded.untrained_models(self.job.base), subject.klass, "")
        pictures.save(self.folder / "oracle-base.npz")
        photos = (*written[:count], *list_photos(self._held_out))
        everyone = np.stack([read_square(path, 64) for path in photos])
        photo_identity, style_identity = ceilings(subject, everyone)
        evaluations = len(prompts_to_draw(self.experiment)) * len(evaluation_seeds(self.experiment))
        empty = SubjectCurves(
            seed=self.seed,
            klass=subject.klass,
            photos=count,
            steps_per_epoch=self.plan.steps_per_epoch,
            base=CardData.of(card),
            base_oracle=look(pictures, subject),
            photo_identity=photo_identity,
            style_identity=style_identity,
            step_evaluations=2 * 3,  # photo and class image, forward and backward
            card_evaluations=evaluations * self.experiment.evaluate.num_inference_steps * 2,  # guided
            trials=(),
        )
        self._base_file.write_text(empty.model_dump_json(), encoding="utf-8")

    def _train(self, job: BranchJob) -> None:
        curve = train_trial(job, draw_subject(self.seed), self._held_out, self.folder)
        self._trial_file(job).write_text(curve.model_dump_json(), encoding="utf-8")

    def _finish(self) -> None:
        files = [self._trial_file(job) for job in branch_jobs(self.job, self.plan)]
        trials = tuple(TrialCurve.model_validate_json(file.read_text(encoding="utf-8")) for file in files)
        base = SubjectCurves.model_validate_json(self._base_file.read_text(encoding="utf-8"))
        whole = base.model_copy(update={"trials": trials})
        self.finished.write_text(whole.model_dump_json(), encoding="utf-8")


def open_subjects(
    seeds: Sequence[int], cache: Path, pieces: int | None, say: Callable[[str], None]
) -> list[SubjectCurves]:
    """The curves of the subjects; what is missing is trained, at most so many pieces of it.

    Returns:
        Those that are there, in the order of the seeds.
    """
    left = pieces if pieces is not None else np.inf
    for seed in seeds:
        work = SubjectWork(seed, cache)
        while left > 0 and (piece := work.next_piece()) is not None:
            piece()
            left -= 1
            say(f"subject {seed}: one piece more is done")
    files = [SubjectWork(seed, cache).finished for seed in seeds]
    return [SubjectCurves.model_validate_json(f.read_text(encoding="utf-8")) for f in files if f.exists()]
