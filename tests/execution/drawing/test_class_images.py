"""Class images: drawn once, found again, the same however many workers draw them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dbsweep.execution.drawing import class_images
from dbsweep.execution.jobs import SweepJob
from dbsweep.models.bundle import StableDiffusion
from dbsweep.sampling.request import ImageRequest
from dbsweep.sampling.sampler import draw
from tests.execution.tiny_sweep import make_tiny_job


def drawn(job: SweepJob) -> dict[str, bytes]:
    return {path.name: pixels(path) for path in sorted(job.cache_folder.glob("class_images/*/*.png"))}


def pixels(path: Path) -> bytes:
    with Image.open(path) as image:
        return image.tobytes()


def test_class_images_do_not_depend_on_the_shards(
    tmp_path: Path, tiny_sd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(class_images, "IMAGES_PER_PART", 2)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole, parts = make_tiny_job(tmp_path / "a", tiny_sd), make_tiny_job(tmp_path / "b", tiny_sd)
    assert class_images.draw_class_images(whole) == 4  # two photos, two class images each
    # The second worker looks after the first has stored its part.
    assert [class_images.draw_class_images(parts, shard, 2) for shard in range(2)] == [2, 2]
    assert list(drawn(whole)) == [f"{index:06d}.png" for index in range(4)]
    assert drawn(whole) == drawn(parts)
    assert len(set(drawn(whole).values())) == 4


def test_what_is_there_is_not_drawn_again(tiny_job: SweepJob) -> None:
    assert class_images.draw_class_images(tiny_job) == 0
    victim = sorted(tiny_job.cache_folder.glob("class_images/*/*.png"))[1]
    before = pixels(victim)
    victim.unlink()
    assert class_images.draw_class_images(tiny_job) == 1
    assert pixels(victim) == before  # though drawn alone now and with three others before


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

    monkeypatch.setattr(class_images, "draw", watched)
    assert class_images.draw_class_images(job) == 4
    assert set(prompts) == {r"a man \(the series\), (film:1.2)"}
    texts = {path.read_text() for path in job.cache_folder.glob("class_images/*/*.txt")}
    assert texts == {"a man (the series), (film:1.2)\n"}
