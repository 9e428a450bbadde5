"""What a worker loads: what its run began with and nothing else, photos in every way in which a trial sees them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dbsweep.concepts.framing import Framing
from dbsweep.concepts.latents import encode_photos
from dbsweep.concepts.photos import list_photos, read_square
from dbsweep.config.evaluate import Identity
from dbsweep.errors import ChangedError, RunError
from dbsweep.execution import loaded
from dbsweep.execution.drawing import class_images, references
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import SweepJob
from dbsweep.execution.photo_digests import keep_digests
from tests.execution.tiny_sweep import ColourEncoder


@pytest.fixture
def no_encoders() -> Iterator[None]:
    """None is loaded before and after."""
    loaded.encoder.cache_clear()
    loaded.identity_encoder.cache_clear()
    yield
    loaded.encoder.cache_clear()
    loaded.identity_encoder.cache_clear()


@pytest.mark.parametrize(
    ("loader", "identity"),
    [
        ("load_encoder", None),
        ("load_encoder", Identity(encoder="ViT-B-32/openai")),
        ("load_dino", Identity(dinov2="facebook/dinov2-base")),
        ("load_faces", Identity(face_detector=Path("yunet.onnx"), face_recognizer=Path("sface.onnx"))),
    ],
    ids=["style", "another clip", "dinov2", "faces"],
)
@pytest.mark.usefixtures("no_encoders")
def test_an_encoder_is_on_the_trials_device_is_loaded_once_and_remembers_its_images(
    monkeypatch: pytest.MonkeyPatch, loader: str, identity: Identity | None
) -> None:
    """Faces are OpenCV's and stay on the processor."""
    loads: list[tuple[object, ...]] = []
    seen: list[int] = []

    class Counting(ColourEncoder):
        def encode_images(self, images):
            seen.append(len(images))
            return super().encode_images(images)

    def load(*what: object, field: str = "") -> Counting:
        loads.append(what)
        return Counting()

    monkeypatch.setattr(loaded, loader, load)
    monkeypatch.setattr(loaded, "device", lambda: "the trial's")
    image = np.full((8, 8, 3), 9, dtype=np.uint8)
    for _ in range(2):
        found = loaded.encoder("ViT-L-14/openai") if identity is None else loaded.identity_encoder(identity)
        assert found is not None
        assert len(found.encode_images([image, image])) == 2
    assert (len(loads), seen) == (1, [1])
    assert ("the trial's" in loads[0]) is (loader != "load_faces")


def test_nothing_is_drawn_for_other_photos_than_the_run_began_with(tiny_job: SweepJob) -> None:
    run, concepts = RunFolder(tiny_job.run_folder), tiny_job.experiment.concepts
    keep_digests(run, tiny_job.experiment)
    shutil.copy(concepts[0].instance_images / "1.png", concepts[0].instance_images / "2.png")
    before = run.reference.read_bytes()
    for prepared in (references.draw_references, class_images.draw_class_images):
        with pytest.raises(ChangedError, match=r"new: concepts\[0\]\.instance_images/2\.png"):
            prepared(tiny_job)
    assert run.reference.read_bytes() == before


def test_nothing_is_drawn_with_another_base_model_than_the_run_began_with(tiny_job: SweepJob) -> None:
    run = RunFolder(tiny_job.run_folder)
    shutil.rmtree(tiny_job.cache_folder / "class_images")
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    replaced = tiny_job.model_copy(update={"began_with": "0" * 64})
    for prepared in (references.draw_references, class_images.draw_class_images):
        with pytest.raises(RunError, match=r"base_model .* is another than this run began with"):
            prepared(replaced)
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*")} == before
    assert not list(tiny_job.cache_folder.glob("class_images/*/*.png"))


def test_mirrored_photos_are_encoded_from_mirrored_pixels(tiny_job: SweepJob) -> None:
    concept = tiny_job.experiment.concepts[0]
    images = [read_square(path, 64)[:, ::-1] for path in list_photos(concept.instance_images)]
    photos = list_photos(concept.instance_images)
    views = loaded.photo_views(tiny_job, photos, (64, 64), Framing(resolution=64, mirrored=True))
    (mirrored,), (plain,) = views.mirrored, views.windows
    assert torch.equal(mirrored.mean, encode_photos(loaded.models_to_change(tiny_job.base), images).mean)
    assert not torch.equal(mirrored.mean, plain.mean)


def test_masks_are_read_once_for_all_branches(tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = list_photos(tiny_job.experiment.concepts[0].instance_images)
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (0, 0, 32, 64))
    mask.save(photos[1].with_name("1-masklabel.png"))
    framing = Framing(resolution=64, crops=2, mirrored=True)
    left, right, *mirrored = loaded.photo_masks(tiny_job, photos, (64, 64), framing)
    half = torch.cat([torch.ones(8, 4), torch.zeros(8, 4)], dim=1)
    assert torch.equal(left, torch.stack([torch.ones(8, 8), half]))
    assert torch.equal(left, right)  # of squares there is but one window
    assert all(torch.equal(view, left.flip(-1)) for view in mirrored)
    monkeypatch.setattr(loaded, "read_mask", lambda photo: pytest.fail("read again"))
    assert torch.equal(loaded.photo_masks(tiny_job, photos, (64, 64), framing)[0], left)


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
    loaded.encode_photos(job)
    # Squares: three windows of the wide photo and the square one, mirrored too; the wide one in its bucket.
    assert len(list((tmp_path / "fresh" / "latents").iterdir())) == 2 * (3 + 1) + 1
