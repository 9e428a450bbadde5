"""A sweep of real training on a tiny model: photos, an encoder of colours, and its jobs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from dbsweep.concepts.photo_sets import training_photos
from dbsweep.concepts.photos import read_square
from dbsweep.execution import loaded
from dbsweep.execution.drawing.reference_key import reference_key, write_key
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import SweepJob, sweep_job
from dbsweep.records.plan import Branch, Milestone
from dbsweep.records.record import Scalar
from tests.execution.sweeps import make_experiment, make_plan

PHOTOS = 2


class ColourEncoder:
    """Embeds an image as its pixels at 4×4, a text as a direction of its own."""

    name = "colours"

    def encode_images(self, images: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        rows = [np.asarray(Image.fromarray(image).resize((4, 4)), dtype=np.float32).ravel() for image in images]
        return _normalised(np.stack(rows) - 127.0)

    def encode_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        rows = [np.random.default_rng(list(text.encode())).standard_normal(48) for text in texts]
        return _normalised(np.stack(rows).astype(np.float32))


def write_photos(folder: Path) -> Path:
    """Noise with a tint, as PNG files."""
    folder.mkdir(parents=True)
    for index in range(PHOTOS):
        pixels = np.random.default_rng(index).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        pixels[..., 0] //= 2
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return folder


def make_tiny_job(
    root: Path, base: Path, concept_changes: Mapping[str, object] | None = None, **train: object
) -> SweepJob:
    """A sweep over two photos with four class images; evaluation of two seeds in two steps."""
    concept = make_experiment().concepts[0].model_dump() | {"instance_images": write_photos(root / "photos")}
    concept |= concept_changes or {}
    concept["class_images"] = {"num_inference_steps": 2}
    grid = {
        "prompt": "photo of ohwx man",
        "x": {"axis": "guidance_scale", "values": [1.0, 5.0]},
        "y": {"axis": "prompt_weight", "word": "ohwx man", "values": [0.8, 1.0, 1.2]},
        "seeds": [7, 8],
    }
    experiment = make_experiment(
        concepts=[concept], grids=[grid], checkpoints={"precision": "fp32"}, train={"resolution": 64, **train}
    )
    run = root / "run"
    run.mkdir()
    return sweep_job(run, root / "cache", experiment, make_plan(), [PHOTOS], base=str(base), encoder="colours")


def prepare_as(prepared: Path, job: SweepJob) -> None:
    """Gives a sweep of `make_tiny_job` what was drawn for another one in this folder: but for their places equals."""
    run = RunFolder(job.run_folder)
    shutil.copytree(prepared / run.path.name, run.path, dirs_exist_ok=True)
    shutil.copytree(prepared / job.cache_folder.name, job.cache_folder)
    (concept,) = job.experiment.concepts
    photos = [read_square(path, job.experiment.train.resolution) for path in training_photos(concept)]
    write_key(run, reference_key(job, loaded.untrained_models(job.base).sha256, [[photos]]))


def make_branch(
    name: str,
    last_epoch: int,
    *,
    parent: str | None = None,
    fork_epoch: int = 0,
    forks: tuple[int, ...] = (),
    text_encoder_epochs: int = 1,
    learning_rate: float = 1e-3,
) -> Branch:
    """A branch with a milestone after every epoch of two steps."""
    settings: dict[str, Scalar] = {
        "learning_rate": learning_rate,
        "epochs": last_epoch,
        "class_images_per_instance": 2,
        "text_encoder_ratio": 0.5,
    }
    return Branch(
        id=name,
        parent=parent,
        fork_step=fork_epoch * PHOTOS,
        stages=("s",),
        milestones=tuple(
            Milestone(step=epoch * PHOTOS, epoch=epoch, evaluate=True, fork=epoch in forks)
            for epoch in range(fork_epoch + 1, last_epoch + 1)
        ),
        trials=("t001",),
        settings=settings,
        text_encoder_steps=text_encoder_epochs * PHOTOS,
    )


def _normalised(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: npt.NDArray[np.float32] = (rows / np.maximum(norms, 1e-6)).astype(np.float32)
    return scaled
