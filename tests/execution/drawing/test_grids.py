"""Grids: each cell from its own request, each picture where the record says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dbsweep.config.schema import Grid
from dbsweep.execution import loaded
from dbsweep.execution.backend import Decision
from dbsweep.execution.branch.work import run_branch
from dbsweep.execution.drawing import grids as grids_room
from dbsweep.execution.drawing import picture_folder
from dbsweep.execution.drawing.grids import cell_requests, draw_grids
from dbsweep.execution.jobs import BranchJob, SweepJob
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.restoring import read_weights, restore_base
from dbsweep.records.events import CheckpointScored, Event
from dbsweep.records.results import Checkpoint, GridImage, GridModel, GridModels
from dbsweep.sampling.infotext import read
from dbsweep.sampling.request import ImageRequest
from dbsweep.sampling.sampler import draw
from tests.execution.sweeps import make_experiment
from tests.execution.tiny_sweep import make_branch

CFG = {"axis": "guidance_scale", "values": [3, 7.5]}
WEIGHT = {"axis": "prompt_weight", "word": "ohwx man", "values": [0.8, 1.2]}
STEPS = {"axis": "num_inference_steps", "values": [5, 10]}
SAMPLER = {"axis": "sampler", "values": ["Euler a", "DDIM"]}
SEED = {"axis": "seed", "values": [1, 2]}
WORDS = {"axis": "words", "values": ["ohwx man", "elf", "(zwx dog:1.3)"]}


@pytest.mark.parametrize(
    ("axis", "field", "values"),
    [
        (CFG, "guidance_scale", [3.0, 7.5]),
        (WEIGHT, "prompt", ["photo of (ohwx man:0.8)", "photo of (ohwx man:1.2)"]),
        (STEPS, "num_inference_steps", [5, 10]),
        (SAMPLER, "sampler", ["Euler a", "DDIM"]),
        (SEED, "seed", [1, 2]),
    ],
)
def test_an_axis_changes_its_field_alone(axis: dict[str, object], field: str, values: list[object]) -> None:
    grid = Grid.model_validate({"prompt": "photo of ohwx man", "x": axis})
    requests = [vars(request) for _, request in cell_requests(grid, make_experiment())]
    assert [request[field] for request in requests] == values
    rest = [{key: value for key, value in request.items() if key != field} for request in requests]
    assert rest[0] == rest[1]
    assert rest[0].get("num_inference_steps", 2) == 2  # the evaluation's


def prompts(grid: dict[str, object]) -> list[str]:
    cells = cell_requests(Grid.model_validate({"prompt": "photo of ohwx man, ohwx", **grid}), make_experiment())
    return [request.prompt for _, request in cells]


@pytest.mark.parametrize("place", ["x", "y", "z"])
def test_words_are_replaced_in_both_prompts_and_the_first_is_the_unmodified_cell(place: str) -> None:
    """As A1111's Prompt S/R: wherever they stand, with their case, beside any other axis."""
    texts = {"prompt": "photo of ohwx man, Ohwx man", "negative_prompt": "old ohwx man, ohwx man in grey"}
    grid = Grid.model_validate({**texts, "x": CFG, place: WORDS})
    drawn = {(r.prompt, r.negative_prompt): r.guidance_scale for _, r in cell_requests(grid, make_experiment())}
    assert list(drawn) == [
        ("photo of ohwx man, Ohwx man", "old ohwx man, ohwx man in grey"),
        ("photo of elf, Ohwx man", "old elf, elf in grey"),
        ("photo of (zwx dog:1.3), Ohwx man", "old (zwx dog:1.3), (zwx dog:1.3) in grey"),
    ]
    assert set(drawn.values()) == {7.5}  # of an x that is words the evaluation's, else the last of the axis


@pytest.mark.parametrize("axes", [("x", "y"), ("y", "x"), ("z", "x")])
def test_what_takes_the_place_of_the_weighted_words_takes_their_weight(axes: tuple[str, str]) -> None:
    words, weight = axes
    grid = {"y": SEED, words: WORDS, weight: WEIGHT}
    assert set(prompts(grid)) == {
        "photo of (ohwx man:0.8), ohwx",
        "photo of (ohwx man:1.2), ohwx",
        "photo of (elf:0.8), ohwx",
        "photo of (elf:1.2), ohwx",
        "photo of ((zwx dog:1.3):0.8), ohwx",
        "photo of ((zwx dog:1.3):1.2), ohwx",
    }


def test_words_around_or_within_the_weighted_ones_leave_them_their_weight() -> None:
    strong = {**WEIGHT, "values": [1.2]}
    around = {"axis": "words", "values": ["photo of ohwx man", "ohwx man as a knight"]}
    assert prompts({"x": around, "y": strong}) == ["photo of (ohwx man:1.2), ohwx", "(ohwx man:1.2) as a knight, ohwx"]
    within = {"axis": "words", "values": ["ohwx", "zwx"]}
    assert prompts({"x": within, "y": strong}) == ["photo of (ohwx man:1.2), ohwx", "photo of (zwx man:1.2), zwx"]


def test_three_axes_and_seeds_come_z_first() -> None:
    grid = Grid.model_validate({"prompt": "ohwx man", "x": CFG, "y": WEIGHT, "z": STEPS, "seeds": [1, 2]})
    cells = cell_requests(grid, make_experiment())
    assert len(cells) == 2 * 2 * 2 * 2
    assert [(cell, request.seed) for cell, request in cells[:3]] == [
        ((3.0, 0.8, 5), 1),
        ((3.0, 0.8, 5), 2),
        ((7.5, 0.8, 5), 1),
    ]
    assert cells[-1][0] == (7.5, 1.2, 10)


def trained(job: SweepJob, epochs: int) -> list[Checkpoint]:
    """The checkpoints of a branch with one after every epoch."""
    events: list[Event] = []

    def emit(event: Event) -> Decision:
        events.append(event)
        return Decision.GO_ON

    run_branch(BranchJob(sweep=job, branch=make_branch("b01", epochs)), emit)
    return [e.checkpoint for e in events if isinstance(e, CheckpointScored)]


def with_grids(job: SweepJob, *grids: dict[str, object]) -> SweepJob:
    made = tuple(Grid.model_validate(grid) for grid in grids)
    return job.model_copy(update={"experiment": job.experiment.model_copy(update={"grids": made})})


def models_of(chosen: Checkpoint, *others: Checkpoint | None) -> GridModels:
    """A grid of the chosen checkpoint and others; None for the base model."""
    models = [
        GridModel(title="base" if each is None else f"epoch {each.epoch}", checkpoint=each)
        for each in (chosen, *others)
    ]
    return GridModels(chosen=chosen, models=tuple(models))


def test_pictures_lie_where_the_record_says(tiny_job: SweepJob) -> None:
    (checkpoint,) = trained(tiny_job, 1)
    (grid,) = draw_grids(tiny_job, [models_of(checkpoint)])
    assert (grid.x_label, grid.y_label, grid.z_label) == ("CFG scale", "weight of “ohwx man”", "")
    assert (grid.x_values, grid.y_values, grid.seeds) == (("1", "5"), ("0.8", "1", "1.2"), (7, 8))
    assert len(grid.cells) == 1
    assert [len(row) for row in grid.cells[0]] == [2, 2, 2]
    with Image.open(tiny_job.run_folder / grid.cells[0][2][1][1]) as cell:
        text = cell.info["parameters"]
    assert text.startswith("photo of (ohwx man:1.2)")
    for words in ("CFG scale: 5", "Seed: 8", f"Model hash: {checkpoint.sha256[:10]}"):
        assert words in text


def test_a_picture_says_with_which_words_it_was_drawn(tiny_job: SweepJob) -> None:
    (checkpoint,) = trained(tiny_job, 1)
    texts = {"prompt": "photo of ohwx man", "negative_prompt": "ohwx man, blurry"}
    words = {"axis": "words", "values": ["ohwx man", "elf", ""]}
    (grid,) = draw_grids(
        with_grids(tiny_job, {**texts, "x": {"axis": "seed", "values": [3]}, "y": words}), [models_of(checkpoint)]
    )
    assert (grid.title, grid.y_label) == (f"Grid 1: seed × words ({checkpoint.id})", "words")
    assert grid.y_values == ("ohwx man", "elf", "(nothing)")
    infos = [read(tiny_job.run_folder / row[0][0]).request for row in grid.cells[0]]
    assert [(info.prompt, info.negative_prompt) for info in infos] == [
        ("photo of ohwx man", "ohwx man, blurry"),
        ("photo of elf", "elf, blurry"),
        ("photo of ", ", blurry"),
    ]
    pictures = {(tiny_job.run_folder / row[0][0]).read_bytes() for row in grid.cells[0]}
    assert len(pictures) == 3


CHECKPOINTS = {"axis": "checkpoint", "values": ["best", "base", "after"]}


def hashes(job: SweepJob, grid: GridImage) -> list[str]:
    return [read(job.run_folder / path).model_hash for path in grid.paths]


@pytest.mark.parametrize("place", ["x", "y", "z"])
def test_each_cell_is_drawn_by_its_checkpoint_and_says_so(tiny_job: SweepJob, place: str) -> None:
    first, second = trained(tiny_job, 2)
    base_hash = loaded.models_as_they_are(tiny_job.base).sha256[:10]
    texts = {"prompt": "photo of ohwx man", "seeds": [5]}
    job = with_grids(tiny_job, {**texts, "x": CFG, place: CHECKPOINTS})
    (grid,) = draw_grids(job, [models_of(first, None, second)])
    assert getattr(grid, f"{place}_label") == "checkpoint"
    assert getattr(grid, f"{place}_values") == ("epoch 1", "base", "epoch 2")
    assert grid.checkpoints == (first.id, "base", second.id)
    names = [first.sha256[:10], base_hash, second.sha256[:10]]
    twice = 1 if place == "x" else 2
    assert hashes(job, grid) == [name for name in names for _ in range(twice)]
    pictures = [(job.run_folder / path).read_bytes() for path in grid.paths]
    assert len(set(pictures)) == len(pictures)

    plain = with_grids(tiny_job, {**texts, "x": CFG if place != "x" else {**CFG, "values": [7.5]}})
    (alone,) = draw_grids(plain, [models_of(second)])
    assert [(job.run_folder / path).read_bytes() for path in alone.paths] == pictures[-twice:]
    assert alone.checkpoints == ()


def test_each_checkpoint_is_loaded_once_for_all_grids(tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = trained(tiny_job, 2)
    read_from: list[str] = []

    def counting(folder: Path, models: StableDiffusion) -> None:
        read_from.append(folder.name)
        read_weights(folder, models)

    def restoring(models: StableDiffusion) -> None:
        read_from.append("base")
        restore_base(models)

    monkeypatch.setattr(grids_room, "read_weights", counting)
    monkeypatch.setattr(loaded, "restore_base", restoring)
    texts = {"prompt": "photo of ohwx man"}
    job = with_grids(tiny_job, {**texts, "x": CHECKPOINTS, "y": CFG}, {**texts, "x": CFG}, {**texts, "x": CHECKPOINTS})
    several = models_of(first, None, second)
    drawn = draw_grids(job, [several, models_of(first), several])
    assert [len(grid.paths) for grid in drawn] == [6, 2, 3]
    assert sorted(read_from) == ["000002", "000004", "base"]


def test_a_grid_of_which_nothing_is_left_is_told_and_draws_nothing(tiny_job: SweepJob) -> None:
    (checkpoint,) = trained(tiny_job, 1)
    texts = {"prompt": "photo of ohwx man"}
    job = with_grids(tiny_job, {**texts, "x": CFG, "y": {"axis": "checkpoint", "values": [3]}})
    (grid,) = draw_grids(job, [GridModels(chosen=checkpoint, models=(), notes=("without epoch 3: …",))])
    assert (grid.paths, grid.notes) == ((), ("without epoch 3: …",))


def test_after_a_kill_the_batches_that_lack_a_picture_are_drawn_bit_for_bit(
    tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkpoint,) = trained(tiny_job, 1)
    job = with_grids(tiny_job, {"prompt": "photo of ohwx man", "x": CFG, "seeds": list(range(9))})  # 18 pictures
    drawn: list[int] = []

    def killed_at_the_second(models: StableDiffusion, requests: list[ImageRequest], **options: Any) -> Any:
        if len(drawn) == 1:
            raise KeyboardInterrupt
        drawn.append(len(requests))
        return draw(models, requests, **options)

    def counting(models: StableDiffusion, requests: list[ImageRequest], **options: Any) -> Any:
        drawn.append(len(requests))
        return draw(models, requests, **options)

    monkeypatch.setattr(picture_folder, "draw", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        draw_grids(job, [models_of(checkpoint)])
    monkeypatch.setattr(picture_folder, "draw", counting)
    (grid,) = draw_grids(job, [models_of(checkpoint)])
    assert drawn == [16, 2]
    files = [job.run_folder / path for path in grid.paths]
    before = [file.read_bytes() for file in files]
    files[3].unlink()
    files[17].write_bytes(before[17][:-100])
    draw_grids(job, [models_of(checkpoint)])
    assert drawn == [16, 2, 16, 2]
    assert [file.read_bytes() for file in files] == before


def test_drawn_again_with_other_values_no_picture_is_one_of_before(tiny_job: SweepJob) -> None:
    """Whoever resumes a run may have changed its grids."""
    first, second = trained(tiny_job, 2)
    job = with_grids(tiny_job, {"prompt": "photo of ohwx man", "x": {**CHECKPOINTS, "values": ["best", "after"]}})
    (before,) = draw_grids(job, [models_of(second, first)])
    (after,) = draw_grids(job, [models_of(second, None)])
    assert before.title == after.title, "so the ledger replaces it"
    base_hash = loaded.models_as_they_are(tiny_job.base).sha256[:10]
    assert hashes(job, after) == [second.sha256[:10], base_hash]


@pytest.mark.parametrize("lora_rank", [0, 2])
def test_the_base_model_draws_what_it_did_before_anything_was_trained(tiny_job: SweepJob, lora_rank: int) -> None:
    grid: dict[str, object] = {"prompt": "photo of ohwx man", "x": CHECKPOINTS}
    job = with_grids(tiny_job, grid)
    train = job.experiment.train.model_copy(update={"lora_rank": lora_rank})
    job = job.model_copy(update={"experiment": job.experiment.model_copy(update={"train": train})})
    untrained = loaded.untrained_models(job.base)
    ((_, request),) = cell_requests(job.experiment.grids[0], job.experiment, [GridModel(title="base", checkpoint=None)])
    (image,) = draw(untrained, [request])
    first, second = trained(job, 2)
    (drawn,) = draw_grids(job, [models_of(second, None, first)])
    pictures = [np.asarray(Image.open(job.run_folder / path)) for path in drawn.paths]
    assert [np.array_equal(picture, image) for picture in pictures] == [False, True, False]
