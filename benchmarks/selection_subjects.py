"""The sweep of one subject, prepared, trained and kept piece by piece: `python -m benchmarks.selection`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.cached_sweeps import CachedSweep, work_through
from benchmarks.selection_curves import CardData, OracleView, SubjectCurves, TrialCurve
from benchmarks.selection_judge import ROUNDS, OraclePictures, ceilings, draw_for_oracle, look, may_be_best
from benchmarks.selection_plan import OTHERS, SubjectPlan, SweepName, wanted_styles
from benchmarks.selection_race import race, rows_until
from benchmarks.selection_schedule import WAYS, ends_by
from benchmarks.selection_training import scored, seen_by_oracle, train_trial
from dbsweep.concepts.photos import list_photos, read_square
from dbsweep.config.choosing import Choosing
from dbsweep.execution import loaded
from dbsweep.execution.drawing import class_images, references
from dbsweep.execution.drawing.closer_look import look_closer
from dbsweep.execution.drawing.evaluation import prompts_to_draw
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, CloserLook
from dbsweep.minisd.subject import draw_subject, write_subject_photos
from dbsweep.models.restoring import read_weights
from dbsweep.records.names import BASE
from dbsweep.records.results import Checkpoint, Scorecard
from dbsweep.selection.utility import utility_for

HELD_OUT: Final = 4


@dataclass(frozen=True)
class SubjectWork(SubjectPlan, CachedSweep):
    """The folder of one subject, and the work that is done in it."""

    @property
    def finished(self) -> Path:
        """The curves of the whole subject."""
        return self.cache / f"curves-{self.name}.json"

    def next_piece(self) -> Callable[[], None] | None:
        """The next thing to do, a few minutes at most; None when all is done."""
        if self.finished.exists():
            return None
        if not self._base_file.exists():
            return self._prepare
        for job in self.jobs:
            if not self._trial_file(job).exists():
                return lambda: self._train(job)
        if not self._judged_file.exists():
            return self._judge
        if not self._race_file.exists():
            return self._race
        return self._finish

    @property
    def _held_out(self) -> Path:
        return self.folder / "held out"

    @property
    def _base_file(self) -> Path:
        return self.folder / "base.json"

    @property
    def _judged_file(self) -> Path:
        return self.folder / "judged.json"

    @property
    def _race_file(self) -> Path:
        return self.folder / "race.json"

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
        class_images.draw_class_images(self.job)
        _, card = references.draw_references(self.job)
        subject = draw_subject(self.seed)
        styles = wanted_styles(self.seed)
        models = loaded.untrained_models(self.job.base)
        pictures = draw_for_oracle(models, subject.klass, "", styles, range(ROUNDS))
        pictures.save(self.folder / "oracle-base.npz")
        photos = (*written[:count], *list_photos(self._held_out))
        everyone = np.stack([read_square(path, 64) for path in photos])
        photo_identity, style_identity = ceilings(subject, everyone, styles)
        evaluate = self.experiment.evaluate
        one_each = len(prompts_to_draw(self.experiment)) * evaluate.num_inference_steps * 2  # guided
        empty = SubjectCurves(
            seed=self.seed,
            klass=subject.klass,
            photos=count,
            steps_per_epoch=self.plan.steps_per_epoch,
            base=CardData.of(card),
            base_oracle=look(pictures, subject, styles),
            photo_identity=photo_identity,
            style_identity=style_identity,
            step_evaluations=2 * 3,  # photo and class image, forward and backward
            card_evaluations=one_each * evaluate.images_per_prompt,
            base_evaluations=one_each * evaluate.levels[-1],
            trials=(),
        )
        self._base_file.write_text(empty.model_dump_json(), encoding="utf-8")

    def _train(self, job: BranchJob) -> None:
        curve = train_trial(
            job, draw_subject(self.seed), wanted_styles(self.seed), self._held_out, self.folder, OTHERS[self.sweep]
        )
        self._trial_file(job).write_text(curve.model_dump_json(), encoding="utf-8")

    def _judge(self) -> None:
        """The oracle's further rounds, of what may be the best."""
        curves, subject, styles = self._curves(), draw_subject(self.seed), wanted_styles(self.seed)
        jobs = self._jobs_of(curves)
        token = self.experiment.concepts[0].instance_token
        views: dict[str, object] = {}
        for name in may_be_best(curves):
            trial, _, step = name.rpartition("-")
            models = loaded.models_to_change(self.job.base)
            read_weights(self.run_folder / self._checkpoint(jobs[trial], int(step)).path, models)
            further = draw_for_oracle(models, subject.klass, token, styles, range(1, ROUNDS))
            first = OraclePictures.load(seen_by_oracle(self.folder, jobs[trial], int(step)))
            views[name] = look(first.joined(further), subject, styles).model_dump(mode="json")
        self._judged_file.write_text(json.dumps(views), encoding="utf-8")

    def _race(self) -> None:
        """The closer looks of whatever races, however the sweep is run."""
        curves, utility = self._curves(), utility_for(Choosing(), self._base().base.card(BASE))
        jobs = self._jobs_of(curves)
        seen: dict[tuple[str, int], Scorecard] = {}

        def closer(name: str, level: int) -> Scorecard:
            if (name, level) not in seen:
                trial, _, step = name.rpartition("-")
                known = seen.get((name, level // 2)) or self._first_card(jobs[trial], int(step))
                checkpoint = self._checkpoint(jobs[trial], int(step))
                given = CloserLook(checkpoint=checkpoint, card=known, images_per_prompt=level)
                seen[name, level] = look_closer(self.job, given)
            return seen[name, level]

        for way, ends in ((way, ends_by(curves, WAYS[way])) for way in WAYS):
            rows = rows_until(curves, ends, utility, WAYS[way].look_every(curves))
            race(rows, closer, utility, evaluate=self.experiment.evaluate)
        found: dict[str, dict[int, object]] = {}
        for (name, level), card in seen.items():
            found.setdefault(name, {})[level] = CardData.of(card).model_dump(mode="json")
        self._race_file.write_text(json.dumps(found), encoding="utf-8")

    def _jobs_of(self, curves: SubjectCurves) -> dict[str, BranchJob]:
        return {trial.id: job for trial, job in zip(curves.trials, self.jobs, strict=True)}

    def _first_card(self, job: BranchJob, step: int) -> Scorecard:
        return Scorecard.model_validate_json(scored(self.folder, job, step).read_text(encoding="utf-8"))

    def _checkpoint(self, job: BranchJob, step: int) -> Checkpoint:
        run, branch = RunFolder(self.job.run_folder), job.branch
        path = run.relative(run.checkpoint(branch.id, step))
        epoch = step // self.plan.steps_per_epoch
        name = f"{branch.id}-{step:06d}"
        return Checkpoint(id=name, branch=branch.id, step=step, epoch=epoch, path=path, sha256="", bytes=0)

    def _base(self) -> SubjectCurves:
        return SubjectCurves.model_validate_json(self._base_file.read_text(encoding="utf-8"))

    def _curves(self) -> SubjectCurves:
        """Of the trained trials, without closer looks."""
        files = [self._trial_file(job) for job in self.jobs]
        trials = tuple(TrialCurve.model_validate_json(file.read_text(encoding="utf-8")) for file in files)
        return self._base().model_copy(update={"trials": trials})

    def _finish(self) -> None:
        closer = {
            name: {int(level): CardData.model_validate(card) for level, card in cards.items()}
            for name, cards in json.loads(self._race_file.read_text(encoding="utf-8")).items()
        }
        judged = json.loads(self._judged_file.read_text(encoding="utf-8"))
        views = {name: OracleView.model_validate(view) for name, view in judged.items()}
        whole = self._curves().judged_closer(views).with_closer_looks(closer)
        self.finished.write_text(whole.model_dump_json(), encoding="utf-8")
        shutil.rmtree(RunFolder(self.job.run_folder).path / "checkpoints", ignore_errors=True)


def open_subjects(
    seeds: Sequence[int], cache: Path, pieces: int | None, say: Callable[[str], None], sweep: SweepName = "rates"
) -> list[SubjectCurves]:
    """The curves of the subjects; what is missing is trained, at most so many pieces of it.

    Returns:
        Those that are there, in the order of the seeds.
    """
    files = work_through([SubjectWork(seed, cache, sweep) for seed in seeds], pieces, say)
    return [SubjectCurves.model_validate_json(file.read_text(encoding="utf-8")) for file in files]
