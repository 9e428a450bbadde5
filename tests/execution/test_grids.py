"""Grids: each cell from its own request, each picture where the record says."""

from __future__ import annotations

import pytest
from PIL import Image

from dbsweep.config.schema import Grid
from dbsweep.execution.backend import Decision
from dbsweep.execution.branch import run_branch
from dbsweep.execution.grids import cell_requests, draw_grids
from dbsweep.execution.jobs import BranchJob, SweepJob
from dbsweep.records.events import CheckpointScored, Event
from tests.execution.sweeps import make_experiment
from tests.execution.tiny_sweep import make_branch

CFG = {"axis": "guidance_scale", "values": [3, 7.5]}
WEIGHT = {"axis": "prompt_weight", "word": "ohwx man", "values": [0.8, 1.2]}
STEPS = {"axis": "num_inference_steps", "values": [5, 10]}
SAMPLER = {"axis": "sampler", "values": ["Euler a", "DDIM"]}
SEED = {"axis": "seed", "values": [1, 2]}


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


def test_pictures_lie_where_the_record_says(tiny_job: SweepJob) -> None:
    events: list[Event] = []

    def emit(event: Event) -> Decision:
        events.append(event)
        return Decision.GO_ON

    run_branch(BranchJob(sweep=tiny_job, branch=make_branch("b01", 1)), emit)
    (checkpoint,) = [e.checkpoint for e in events if isinstance(e, CheckpointScored)]
    (grid,) = draw_grids(tiny_job, checkpoint)
    assert (grid.x_label, grid.y_label, grid.z_label) == ("CFG scale", "weight of “ohwx man”", "")
    assert (grid.x_values, grid.y_values, grid.seeds) == (("1", "5"), ("0.8", "1", "1.2"), (7, 8))
    assert len(grid.cells) == 1
    assert [len(row) for row in grid.cells[0]] == [2, 2, 2]
    with Image.open(tiny_job.run_folder / grid.cells[0][2][1][1]) as cell:
        text = cell.info["parameters"]
    assert text.startswith("photo of (ohwx man:1.2)")
    for words in ("CFG scale: 5", "Seed: 8", f"Model hash: {checkpoint.sha256[:10]}"):
        assert words in text
