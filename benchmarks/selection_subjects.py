"""The sweep of one subject, prepared, trained and kept piece by piece: `python -m benchmarks.selection`.

Subjects differ in looks, in class (man, woman, robot) and in the number of photos, as users' do. Of each learning rate
there is a checkpoint every 24 steps.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.cached_sweeps import CachedSweep, SweepShape, work_through
from benchmarks.selection_curves import CardData, SubjectCurves, TrialCurve
from benchmarks.selection_judge import ceilings, draw_for_oracle, look
from benchmarks.selection_training import train_trial
from dbsweep.concepts.photos import list_photos, read_square
from dbsweep.execution import loaded, prepare
from dbsweep.execution.evaluation import evaluation_seeds, prompts_to_draw
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob
from dbsweep.minisd.subject import draw_subject, write_subject_photos

EVERY_STEPS: Final = 24
PHOTO_COUNTS: Final = (4, 6, 8, 12)
"""Photos that subjects are taught on, in turn; all divide `EVERY_STEPS`."""
HELD_OUT: Final = 4
STYLES: Final = ("ink poster", "neon")
EVALUATE: Final[dict[str, Any]] = {
    "images_per_prompt": 4,
    "num_inference_steps": 15,
    "race": {"enabled": False},  # the curves are of first looks
}


def photo_count(seed: int) -> int:
    """How many photos a subject is taught on."""
    return PHOTO_COUNTS[seed % len(PHOTO_COUNTS)]


@dataclass(frozen=True)
class SubjectWork(CachedSweep):
    """The folder of one subject, and the work that is done in it."""

    @property
    def folder(self) -> Path:
        """Of this subject."""
        return self.cache / f"subject-{self.seed:05d}"

    @property
    def finished(self) -> Path:
        """The curves of the whole subject."""
        return self.cache / f"curves-{self.seed:05d}.json"

    @property
    def shape(self) -> SweepShape:
        """Two styles, and as many photos as `photo_count` says."""
        return SweepShape(photo_count(self.seed), EVERY_STEPS, STYLES, EVALUATE)

    @property
    def run_folder(self) -> Path:
        """Beside what the oracle judges."""
        return self.folder / "run"

    def next_piece(self) -> Callable[[], None] | None:
        """The next thing to do, a few minutes at most; None when all is done."""
        if self.finished.exists():
            return None
        if not self._base_file.exists():
            return self._prepare
        for job in self.jobs:
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
        count = self.shape.photos
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
        files = [self._trial_file(job) for job in self.jobs]
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
    files = work_through([SubjectWork(seed, cache) for seed in seeds], pieces, say)
    return [SubjectCurves.model_validate_json(file.read_text(encoding="utf-8")) for file in files]
