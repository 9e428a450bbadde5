"""Grids over merges: custom model + m × (checkpoint − base model), each made once, what cannot be merged told."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dbsweep.execution import loaded
from dbsweep.execution.drawing import grid_merges
from dbsweep.execution.drawing.grids import draw_grids
from dbsweep.execution.jobs import CustomModel, SweepJob
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.hashes import weights_sha256
from dbsweep.models.loading import load_base
from dbsweep.models.merging import SetAside, add_difference, set_aside, take_difference
from dbsweep.models.sources import BaseSource
from dbsweep.records.results import Checkpoint, GridImage
from dbsweep.sampling.infotext import read
from dbsweep.sampling.sampler import draw
from tests.execution.drawing.test_grids import CFG, CHECKPOINTS, hashes, models_of, trained, with_grids
from tests.tiny_models import write_pipeline

MERGES = {"axis": "merge_ratio", "into": "mine", "values": [0, 0.75, 0.95]}


@pytest.fixture
def custom(tmp_path: Path) -> Path:
    """Another model of the base model's layers."""
    return write_pipeline(tmp_path / "protogen", seed=5)


@pytest.fixture
def job(tiny_job: SweepJob, custom: Path) -> SweepJob:
    return into(tiny_job, custom)


def into(job: SweepJob, custom: Path) -> SweepJob:
    model = CustomModel(name=custom.name, source=BaseSource(source=str(custom)))
    return job.model_copy(update={"customs": {"mine": model}})


def merged(job: SweepJob, checkpoint: Checkpoint, multiplier: float, folder: Path) -> StableDiffusion:
    """What `dbsweep merge` makes of the three models."""
    folder.mkdir()
    models = load_base(job.customs["mine"].source)
    aside = set_aside(load_base(job.base), "base", folder / "base.safetensors")
    learned = load_base(BaseSource(source=str(job.run_folder / checkpoint.path)))
    difference = take_difference(learned, "trained", aside, folder / "difference.safetensors")
    add_difference(models, "custom", difference, multiplier, torch.float32)
    return models


@pytest.mark.parametrize("place", ["x", "y", "z"])
def test_each_cell_is_drawn_by_its_merge_and_tells_its_hash(
    job: SweepJob, custom: Path, tmp_path: Path, place: str
) -> None:
    (checkpoint,) = trained(job, 1)
    job = with_grids(job, {"prompt": "photo of ohwx man", "seeds": [5], "x": {**CFG, "values": [7.5]}, place: MERGES})
    (grid,) = draw_grids(job, [models_of(checkpoint)])
    assert getattr(grid, f"{place}_label") == "multiplier"
    assert getattr(grid, f"{place}_values") == ("m 0", "m 0.75", "m 0.95")
    assert (grid.into, grid.checkpoints, grid.notes) == ("protogen", (), ())
    made = [merged(job, checkpoint, m, tmp_path / str(m)) for m in (0, 0.75, 0.95)]
    assert hashes(job, grid) == [weights_sha256(models.networks)[:10] for models in made]
    assert hashes(job, grid)[0] == load_base(str(custom)).sha256[:10]
    for path, models in zip(grid.paths, made, strict=True):
        (image,) = draw(models, [read(job.run_folder / path).request])
        assert np.array_equal(np.asarray(Image.open(job.run_folder / path)), image)


def test_of_a_lora_what_is_merged_is_its_own_product(job: SweepJob, tmp_path: Path) -> None:
    train = job.experiment.train.model_copy(update={"lora_rank": 2})
    job = job.model_copy(update={"experiment": job.experiment.model_copy(update={"train": train})})
    (checkpoint,) = trained(job, 1)
    assert (job.run_folder / checkpoint.path / "lora.safetensors").is_file()
    job = with_grids(job, {"prompt": "photo of ohwx man", "x": MERGES})
    (grid,) = draw_grids(job, [models_of(checkpoint)])
    wanted = [weights_sha256(merged(job, checkpoint, m, tmp_path / str(m)).networks)[:10] for m in (0, 0.75, 0.95)]
    assert hashes(job, grid) == wanted
    assert len(set(wanted)) == 3


def test_each_merge_is_made_once_for_all_grids_beside_checkpoints_too(
    job: SweepJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = trained(job, 2)
    differences, made = [], []

    def taking(trained: StableDiffusion, name: str, base: SetAside, path: Path) -> SetAside:
        differences.append(name)
        return take_difference(trained, name, base, path)

    def adding(models: StableDiffusion, name: str, difference: SetAside, multiplier: float, dtype: torch.dtype) -> None:
        made.append((difference.name, multiplier))
        add_difference(models, name, difference, multiplier, dtype)

    monkeypatch.setattr(grid_merges, "take_difference", taking)
    monkeypatch.setattr(grid_merges, "add_difference", adding)
    texts = {"prompt": "photo of ohwx man"}
    halves = {**MERGES, "values": [0.5, 1, 0.5]}
    both = {**CHECKPOINTS, "values": ["best", "after"]}
    job = with_grids(job, {**texts, "x": halves, "y": both}, {**texts, "x": CFG}, {**texts, "x": CFG, "y": halves})
    drawn = draw_grids(job, [models_of(first, second), models_of(first), models_of(first)])
    assert [len(grid.paths) for grid in drawn] == [6, 2, 6]
    assert differences == ["epoch 1", "epoch 2"]
    assert sorted(made) == [("epoch 1", 0.5), ("epoch 1", 1.0), ("epoch 2", 0.5), ("epoch 2", 1.0)]
    over_both = hashes(job, drawn[0])
    assert over_both[3] == weights_sha256(merged(job, second, 0.5, tmp_path / "by hand").networks)[:10]
    assert len(set(over_both)) == 4
    assert hashes(job, drawn[1]) == [first.sha256[:10]] * 2
    assert set(hashes(job, drawn[2])) == set(over_both[:2])


def test_what_cannot_be_merged_is_told_and_all_else_is_drawn(job: SweepJob, tmp_path: Path) -> None:
    (checkpoint,) = trained(job, 1)
    untrained = loaded.untrained_models(job.base)
    job = into(job, write_pipeline(tmp_path / "other", version=1))
    texts = {"prompt": "photo of ohwx man", "seeds": [5]}
    job = with_grids(job, {**texts, "x": MERGES, "y": CFG}, {**texts, "x": {**CHECKPOINTS, "values": ["best", "base"]}})
    merges, rest = draw_grids(job, [models_of(checkpoint), models_of(checkpoint, None)])
    assert merges.paths == ()
    (note,) = merges.notes
    assert note.startswith("not merged into other: other has ")
    assert note.endswith(" has not: only models of the same layers can be merged")
    assert hashes(job, rest) == [checkpoint.sha256[:10], untrained.sha256[:10]]
    assert not (job.run_folder / ".merging").exists()


def cell_sizes(grid: GridImage) -> list[int]:
    return [len(cell) for layer in grid.cells for row in layer for cell in row]


def test_a_multiplier_that_the_weights_cannot_bear_leaves_the_others(job: SweepJob) -> None:
    (checkpoint,) = trained(job, 1)
    job = with_grids(job, {"prompt": "photo of ohwx man", "seeds": [5, 6], "x": {**MERGES, "values": [1e300, 1]}})
    (grid,) = draw_grids(job, [models_of(checkpoint)])
    assert (grid.x_values, cell_sizes(grid)) == (("m 1e+300", "m 1"), [0, 2])
    (note,) = grid.notes
    assert note.startswith("not merged into protogen: merged by 1e+300, ")


def test_a_custom_model_that_is_gone_at_the_end_is_told(job: SweepJob, custom: Path) -> None:
    (checkpoint,) = trained(job, 1)
    custom.rename(custom.with_name("elsewhere"))
    job = with_grids(job, {"prompt": "photo of ohwx man", "x": MERGES})
    (grid,) = draw_grids(job, [models_of(checkpoint)])
    assert grid.notes == (
        f"not merged into protogen: base model {custom}: no such folder or file, and not a hub id (owner/name); check "
        "the path",
    )


def test_a_full_disk_is_told(job: SweepJob, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(models: StableDiffusion, name: str, path: Path) -> SetAside:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (checkpoint,) = trained(job, 1)
    monkeypatch.setattr(grid_merges, "set_aside", full)
    job = with_grids(job, {"prompt": "photo of ohwx man", "x": MERGES})
    (grid,) = draw_grids(job, [models_of(checkpoint)])
    assert grid.notes == (
        f"not merged into protogen: no disk space left in {job.run_folder} for what the checkpoint has learned",
    )


def test_the_base_model_is_as_before_and_what_waited_on_the_disk_is_gone(job: SweepJob) -> None:
    (checkpoint,) = trained(job, 1)
    left = job.run_folder / ".merging" / "base.safetensors"  # by a worker that was killed
    left.parent.mkdir()
    left.touch()
    job = with_grids(job, {"prompt": "photo of ohwx man", "x": MERGES})
    draw_grids(job, [models_of(checkpoint)])
    assert not left.parent.exists()
    untrained = loaded.untrained_models(job.base)
    assert weights_sha256(untrained.networks) == untrained.sha256 == load_base(job.base).sha256


def test_what_a_merge_draws_is_progress(job: SweepJob) -> None:
    """Its networks are not those that the worker's watch follows."""
    (checkpoint,) = trained(job, 1)
    followed: list[str] = []

    @contextmanager
    def following(models: StableDiffusion) -> Iterator[None]:
        followed.append(weights_sha256(models.networks)[:10])
        yield

    job = with_grids(job, {"prompt": "photo of ohwx man", "x": MERGES, "y": CFG})
    (grid,) = draw_grids(job, [models_of(checkpoint)], following)
    assert followed == list(dict.fromkeys(hashes(job, grid)))
