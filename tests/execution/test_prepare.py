"""Shared inputs: made once, found again, the same however many workers make them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from dbsweep.concepts.framing import Framing
from dbsweep.concepts.latents import encode_photos
from dbsweep.concepts.photos import list_photos, read_square
from dbsweep.errors import ChangedError, RunError
from dbsweep.execution import loaded, prepare
from dbsweep.execution.evaluation import evaluation_seeds
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import SweepJob, sweep_job
from dbsweep.execution.photo_digests import keep_digests
from dbsweep.minisd.paths import clip_path, pipeline_path
from dbsweep.models.bundle import StableDiffusion
from dbsweep.records.names import BASE, Metric
from dbsweep.records.results import Scorecard
from dbsweep.sampling.request import ImageRequest
from dbsweep.sampling.sampler import draw
from dbsweep.scoring.reference import Reference
from tests.execution.sweeps import make_experiment, make_plan
from tests.execution.tiny_sweep import PHOTOS, make_tiny_job, write_photos


def drawn(job: SweepJob) -> dict[str, bytes]:
    return {path.name: pixels(path) for path in sorted(job.cache_folder.glob("class_images/*/*.png"))}


def pixels(path: Path) -> bytes:
    with Image.open(path) as image:
        return image.tobytes()


def test_class_images_do_not_depend_on_the_shards(
    tmp_path: Path, tiny_sd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "IMAGES_PER_PART", 2)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole, parts = make_tiny_job(tmp_path / "a", tiny_sd), make_tiny_job(tmp_path / "b", tiny_sd)
    assert prepare.draw_class_images(whole) == 4  # two photos, two class images each
    # The second worker looks after the first has stored its part.
    assert [prepare.draw_class_images(parts, shard, 2) for shard in range(2)] == [2, 2]
    assert list(drawn(whole)) == [f"{index:06d}.png" for index in range(4)]
    assert drawn(whole) == drawn(parts)
    assert len(set(drawn(whole).values())) == 4


def test_what_is_there_is_not_drawn_again(tiny_job: SweepJob) -> None:
    assert prepare.draw_class_images(tiny_job) == 0
    victim = sorted(tiny_job.cache_folder.glob("class_images/*/*.png"))[1]
    before = pixels(victim)
    victim.unlink()
    assert prepare.draw_class_images(tiny_job) == 1
    assert pixels(victim) == before  # though drawn alone now and with three others before


def test_nothing_is_drawn_for_other_photos_than_the_run_began_with(tiny_job: SweepJob) -> None:
    run, concepts = RunFolder(tiny_job.run_folder), tiny_job.experiment.concepts
    keep_digests(run, concepts)
    shutil.copy(concepts[0].instance_images / "1.png", concepts[0].instance_images / "2.png")
    before = run.reference.read_bytes()
    for prepared in (prepare.draw_references, prepare.draw_class_images):
        with pytest.raises(ChangedError, match=r"new: concepts\[0\]\.instance_images/2\.png"):
            prepared(tiny_job)
    assert run.reference.read_bytes() == before


def test_captions_of_class_images_are_read_as_training_reads_them(
    tmp_path: Path, tiny_sd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_tiny_job(tmp_path, tiny_sd, {"class_prompt": "[filewords], (film:1.2)"})
    for image in ("0", "1"):
        (tmp_path / "photos" / f"{image}.txt").write_text("a man (the series)")
    prompts: list[str] = []

    def watched(models: StableDiffusion, requests: list[ImageRequest], **options: Any) -> object:
        prompts.extend(request.prompt for request in requests)
        return draw(models, requests, **options)

    monkeypatch.setattr(prepare, "draw", watched)
    assert prepare.draw_class_images(job) == 4
    assert set(prompts) == {r"a man \(the series\), (film:1.2)"}
    texts = {path.read_text() for path in job.cache_folder.glob("class_images/*/*.txt")}
    assert texts == {"a man (the series), (film:1.2)\n"}


def test_references_are_the_untrained_model_s_even_after_training(
    tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tiny_job.run_folder)
    before = run.reference.read_bytes()
    models = loaded.models_to_change(tiny_job.base)
    for parameter in models.unet.parameters():
        parameter.data.zero_()
    run.reference_key.unlink()
    sha256, card = prepare.draw_references(tiny_job)
    assert run.reference.read_bytes() == before
    assert sha256 == models.sha256
    assert card.checkpoint == BASE
    assert repr(Scorecard.model_validate_json(run.base_scorecard.read_text())) == repr(card)


def test_nothing_is_drawn_with_another_base_model_than_the_run_began_with(tiny_job: SweepJob) -> None:
    run = RunFolder(tiny_job.run_folder)
    shutil.rmtree(tiny_job.cache_folder / "class_images")
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    replaced = tiny_job.model_copy(update={"began_with": "0" * 64})
    for prepared in (prepare.draw_references, prepare.draw_class_images):
        with pytest.raises(RunError, match=r"base_model .* is another than this run began with"):
            prepared(replaced)
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*")} == before
    assert drawn(tiny_job) == {}


def without_race(job: SweepJob) -> SweepJob:
    race = job.experiment.evaluate.race.model_copy(update={"enabled": False})
    evaluate = job.experiment.evaluate.model_copy(update={"race": race})
    return job.model_copy(update={"experiment": job.experiment.model_copy(update={"evaluate": evaluate})})


def test_the_base_model_draws_the_seeds_of_the_whole_race(tiny_job: SweepJob) -> None:
    run = RunFolder(tiny_job.run_folder)
    assert len(Reference.load(run.reference).seeds) == 8
    assert len(list(run.base_images.glob("[0-9]*.png"))) == 2 * 8
    assert len(list(run.base_images.glob("token-*.png"))) == 8
    card = Scorecard.model_validate_json(run.base_scorecard.read_text())
    assert {image.seed for image in card.images} == set(evaluation_seeds(tiny_job.experiment)), "as the checkpoints'"


def test_the_base_scorecard_has_its_pictures(tiny_job: SweepJob) -> None:
    _, card = prepare.draw_references(without_race(tiny_job))
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
    _, card = prepare.draw_references(job)
    assert [(token.pieces, token.known) for token in card.tokens] == [(("ohwx",), False), (("neon",), True)]
    assert {token.images for token in card.tokens} == {8}


def test_mirrored_photos_are_encoded_from_mirrored_pixels(tiny_job: SweepJob) -> None:
    concept = tiny_job.experiment.concepts[0]
    images = [read_square(path, 64)[:, ::-1] for path in list_photos(concept.instance_images)]
    photos = list_photos(concept.instance_images)
    views = loaded.photo_views(tiny_job, photos, (64, 64), Framing(resolution=64, mirrored=True))
    (mirrored,), (plain,) = views.mirrored, views.windows
    assert torch.equal(mirrored.mean, encode_photos(loaded.models_to_change(tiny_job.base), images).mean)
    assert not torch.equal(mirrored.mean, plain.mean)


def test_all_ways_of_seeing_photos_are_encoded_beforehand(tiny_job: SweepJob, tmp_path: Path) -> None:
    folder = tmp_path / "wide"
    folder.mkdir()
    Image.effect_noise((96, 64), 60).convert("RGB").save(folder / "a.png")
    Image.effect_noise((64, 64), 60).convert("RGB").save(folder / "b.png")
    concept = tiny_job.experiment.concepts[0].model_copy(update={"instance_images": folder})
    job = tiny_job.model_copy(
        update={
            "experiment": tiny_job.experiment.model_copy(update={"concepts": (concept,)}),
            "cache_folder": tmp_path / "fresh",
            "framings": (Framing(resolution=64, crops=3, mirrored=True), Framing(resolution=64, buckets=True)),
        }
    )
    prepare.encode_photos(job)
    # Squares: three windows of the wide photo and the square one, mirrored too; the wide one in its bucket.
    assert len(list((tmp_path / "fresh" / "latents").iterdir())) == 2 * (3 + 1) + 1
