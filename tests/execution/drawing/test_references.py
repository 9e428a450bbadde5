"""The reference: drawn by the untrained model, all seeds of the race at once, its pictures and tokens on its card."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from dbsweep.execution import loaded
from dbsweep.execution.drawing import references
from dbsweep.execution.drawing.evaluation import evaluation_seeds
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import SweepJob, sweep_job
from dbsweep.minisd.paths import clip_path, pipeline_path
from dbsweep.records.names import BASE, Metric
from dbsweep.records.results import Scorecard
from dbsweep.scoring.reference import Reference
from tests.execution.sweeps import make_experiment, make_plan
from tests.execution.tiny_sweep import PHOTOS, write_photos


def test_references_are_the_untrained_model_s_even_after_training(
    tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tiny_job.run_folder)
    before = run.reference.read_bytes()
    models = loaded.models_to_change(tiny_job.base)
    for parameter in models.unet.parameters():
        parameter.data.zero_()
    run.reference_key.unlink()
    sha256, card = references.draw_references(tiny_job)
    assert run.reference.read_bytes() == before
    assert sha256 == models.sha256
    assert card.checkpoint == BASE
    assert repr(Scorecard.model_validate_json(run.base_scorecard.read_text())) == repr(card)


def without_race(job: SweepJob) -> SweepJob:
    race = job.experiment.evaluate.race.model_copy(update={"enabled": False})
    evaluate = job.experiment.evaluate.model_copy(update={"race": race})
    return job.model_copy(update={"experiment": job.experiment.model_copy(update={"evaluate": evaluate})})


def test_the_base_model_draws_the_seeds_of_the_whole_race(tiny_job: SweepJob) -> None:
    run = RunFolder(tiny_job.run_folder)
    assert len(Reference.load(run.reference).seeds) == 16
    assert len(list(run.base_images.glob("[0-9]*.png"))) == 2 * 16
    assert len(list(run.base_images.glob("token-*.png"))) == 16
    card = Scorecard.model_validate_json(run.base_scorecard.read_text())
    assert {image.seed for image in card.images} == set(evaluation_seeds(tiny_job.experiment)), "as the checkpoints'"


def test_the_base_scorecard_has_its_pictures(tiny_job: SweepJob) -> None:
    _, card = references.draw_references(without_race(tiny_job))
    assert card.value(Metric.STYLE) == pytest.approx(1.0)
    assert card.value(Metric.IDENTITY) == pytest.approx(0.0)
    # instance and class prompt are the same for the base: drawn once, listed twice
    assert len(card.images) == 3 * 2
    assert len({image.path for image in card.images}) == 2 * 2
    for image in card.images:
        assert "ohwx" not in image.prompt
        with Image.open(tiny_job.run_folder / image.path) as picture:
            assert picture.size == (64, 64)
            assert picture.info["parameters"].startswith(image.prompt)


def test_minisd_knows_neon_and_not_ohwx(tmp_path: Path) -> None:
    """The real model, its real CLIP: eight pictures each of a man, an ohwx man and a neon man."""
    write_photos(tmp_path / "photos")
    ohwx = make_experiment().concepts[0].model_dump() | {"instance_images": tmp_path / "photos"}
    neon = {key: value.replace("ohwx", "neon") if isinstance(value, str) else value for key, value in ohwx.items()}
    neon["sanity_prompts"] = [prompt.replace("ohwx", "neon") for prompt in ohwx["sanity_prompts"]]
    evaluate = {"images_per_prompt": 8, "num_inference_steps": 8, "race": {"enabled": False}, "encoder": "minisd"}
    experiment = make_experiment(concepts=[ohwx, neon], evaluate=evaluate)
    (tmp_path / "run").mkdir()
    job = sweep_job(
        tmp_path / "run",
        tmp_path / "cache",
        experiment,
        make_plan(),
        [PHOTOS, PHOTOS],
        base=str(pipeline_path()),
        encoder=str(clip_path()),
    )
    loaded.encoder.cache_clear()
    _, card = references.draw_references(job)
    assert [(token.pieces, token.known) for token in card.tokens] == [(("ohwx",), False), (("neon",), True)]
    assert {token.images for token in card.tokens} == {8}
