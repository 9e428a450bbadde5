"""A closer look: the further images are those of the further seeds, and the card is over all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from dbsweep.errors import RunError
from dbsweep.execution import loaded
from dbsweep.execution.backend import Decision
from dbsweep.execution.branch.work import run_branch
from dbsweep.execution.drawing.closer_look import look_closer
from dbsweep.execution.drawing.evaluation import draw_evaluation, evaluation_seeds
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, CloserLook, SweepJob
from dbsweep.models.restoring import read_weights
from dbsweep.records.events import CheckpointScored, Event
from dbsweep.records.names import Metric
from dbsweep.scoring.scorecard import score_checkpoint
from dbsweep.training.validation import validation_losses
from tests.execution.tiny_sweep import make_branch, write_photos


def first_look(job: SweepJob) -> CheckpointScored:
    """Trains one epoch."""
    events: list[Event] = []

    def emit(event: Event) -> Decision:
        events.append(event)
        return Decision.GO_ON

    run_branch(BranchJob(sweep=job, branch=make_branch("b01", 1)), emit)
    (scored,) = [event for event in events if isinstance(event, CheckpointScored)]
    return scored


def test_a_closer_look_scores_as_if_all_had_been_drawn_at_once(tiny_job: SweepJob) -> None:
    scored, run = first_look(tiny_job), RunFolder(tiny_job.run_folder)
    assert scored.scorecard is not None
    look = CloserLook(checkpoint=scored.checkpoint, card=scored.scorecard, images_per_prompt=5)
    card = look_closer(tiny_job, look)
    seeds = evaluation_seeds(tiny_job.experiment, 5)
    assert {image.seed for image in card.images} == set(seeds)
    assert [len(card.scores[m].samples) for m in (Metric.IDENTITY, Metric.STYLE)] == [10, 5]
    for image in card.images:
        with Image.open(run.path / image.path) as picture:
            assert f"Seed: {image.seed}," in picture.info["parameters"]
    models = loaded.models_to_change(tiny_job.base)
    read_weights(run.path / scored.checkpoint.path, models)
    at_once = draw_evaluation(models, tiny_job.experiment, run, run.path / "at once", model_hash="", seeds=seeds)
    whole = score_checkpoint("c", at_once.images, at_once.samples, loaded.encoder(""), loaded.reference(run.reference))
    for metric in (Metric.IDENTITY, Metric.STYLE, Metric.PRIOR):
        assert card.scores[metric].samples == pytest.approx(whole.scores[metric].samples, abs=0.02)
        assert card.scores[metric].samples[:2] != whole.scores[metric].samples[2:4], "other seeds, other samples"


def test_the_first_samples_stay_what_they_were(tiny_job: SweepJob) -> None:
    scored = first_look(tiny_job)
    assert scored.scorecard is not None
    before = scored.scorecard
    card = look_closer(tiny_job, CloserLook(checkpoint=scored.checkpoint, card=before, images_per_prompt=4))
    for metric in (Metric.IDENTITY, Metric.STYLE, Metric.QUALITY, Metric.PROMPT_FIDELITY):
        count = len(before.scores[metric].samples)
        assert card.scores[metric].samples[:count] == pytest.approx(before.scores[metric].samples, abs=1e-5)
        assert len(card.scores[metric].samples) == 2 * count


def test_a_late_first_look_sees_what_one_in_training_would_have_seen(tiny_job: SweepJob) -> None:
    scored, run = first_look(tiny_job), RunFolder(tiny_job.run_folder)
    assert scored.scorecard is not None
    drawn = run.images(scored.checkpoint.branch, scored.checkpoint.step)
    for picture in drawn.glob("*.png"):
        picture.unlink()
    card = look_closer(tiny_job, CloserLook(checkpoint=scored.checkpoint, card=None, images_per_prompt=2))
    assert card.images == scored.scorecard.images
    assert all((run.path / image.path).is_file() for image in card.images)
    assert card.scores == scored.scorecard.scores  # the tiny job keeps fp32


def test_held_out_photos_are_looked_at_through_the_layer_that_trains(tiny_job: SweepJob, tmp_path: Path) -> None:
    concept = tiny_job.experiment.concepts[0].model_copy(update={"validation_images": write_photos(tmp_path / "own")})
    sections = {"concepts": (concept,), "clip_skip": 2}
    job = tiny_job.model_copy(update={"experiment": tiny_job.experiment.model_copy(update=sections)})
    checkpoint = first_look(tiny_job).checkpoint
    card = look_closer(job, CloserLook(checkpoint=checkpoint, card=None, images_per_prompt=2))
    models = loaded.models_to_change(job.base)  # with the checkpoint's weights
    photos, seed = loaded.held_out(job), job.experiment.evaluate.seed
    last, last_but_one = (validation_losses(models, photos, seed=seed, clip_skip=skip) for skip in (1, 2))
    assert card.scores[Metric.VALIDATION_LOSS].samples == pytest.approx(last_but_one)
    assert card.scores[Metric.VALIDATION_LOSS].samples != pytest.approx(last)


def test_images_that_are_gone_are_named(tiny_job: SweepJob) -> None:
    scored, run = first_look(tiny_job), RunFolder(tiny_job.run_folder)
    assert scored.scorecard is not None
    gone = scored.scorecard.images[0].path
    (run.path / gone).unlink()
    with pytest.raises(RunError, match="the race needs the images of the first look"):
        look_closer(tiny_job, CloserLook(checkpoint=scored.checkpoint, card=scored.scorecard, images_per_prompt=4))
