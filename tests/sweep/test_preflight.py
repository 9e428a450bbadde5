"""What is said before a sweep begins, of the subject's word and of the size."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from safetensors.numpy import save_file

from dbsweep.config.loading import load_experiment
from dbsweep.errors import InputError, ModelError
from dbsweep.execution.backend import Backend
from dbsweep.execution.simulated import SimulatedBackend
from dbsweep.records.names import Metric
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.preflight import check_inputs, planned, size_warnings, token_warnings
from dbsweep.sweep.running import run_experiment
from tests.sweep.files import write_experiment


def test_the_size_that_the_base_model_was_made_for_is_named(tmp_path: Path) -> None:
    file = write_experiment(tmp_path)
    (warning,) = size_warnings(load_experiment(file, ["train.resolution=128"]))
    assert warning.startswith("train.resolution is 128, and the base model was made for 64 × 64 pixels")
    swept = ["train.resolution=128", "search.resolution=[64,128]"]  # all trials are drawn at train.resolution
    assert size_warnings(load_experiment(file, swept)) == (warning,)


@pytest.mark.parametrize("change", ["train.resolution=64", "search.resolution=[64,128]"])
def test_the_right_size_and_sizes_that_are_swept_are_nothing_to_tell(tmp_path: Path, change: str) -> None:
    assert size_warnings(load_experiment(write_experiment(tmp_path), [change])) == ()


@pytest.mark.parametrize(("made", "message"), [(False, "does not exist"), (True, "no photos in")])
def test_own_class_images_are_looked_at_before_anything_is_written(tmp_path: Path, made: bool, message: str) -> None:
    experiment = load_experiment(write_experiment(tmp_path), ["concepts.0.class_images.folder=own"])
    if made:
        (tmp_path / "own").mkdir()
    with pytest.raises(InputError, match=message):
        check_inputs(*planned(experiment))


def test_the_looking_at_images_is_shown_and_every_bad_one_is_named(tmp_path: Path) -> None:
    experiment = load_experiment(write_experiment(tmp_path), ["concepts.0.class_images.folder=own"])
    (tmp_path / "own").mkdir()
    for bad in (tmp_path / "own" / "man.png", tmp_path / "photos" / "bad.png"):
        bad.write_text("text", encoding="utf-8")
    out = io.StringIO()
    with pytest.raises(InputError, match=r"photos/bad\.png cannot .*own/man\.png cannot .*: replace or remove them"):
        check_inputs(*planned(experiment), TerminalView(Console(file=out)).watch)
    assert out.getvalue() == "looking at the photos (5) …\n"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"cond_stage_model.transformer.x": 1}, "a single file lacks its configuration and tokenizer"),
        ({"conditioner.embedders.x": 1}, "this is an SDXL model"),
    ],
)
def test_a_single_file_that_cannot_be_used_is_refused_before_anything_is_written(
    tmp_path: Path, names: dict[str, int], message: str
) -> None:
    model = tmp_path / "alone.safetensors"
    parts = {"model.diffusion_model.x": 1, "first_stage_model.x": 1}
    save_file({name: np.zeros(size) for name, size in (parts | names).items()}, model)
    experiment = load_experiment(write_experiment(tmp_path / "files", base=model))
    with pytest.raises(ModelError, match=message):
        run_experiment(experiment, no_backend, TerminalView(Console(file=io.StringIO())))
    assert not experiment.output.exists()


def no_backend(*_: object) -> Backend:
    raise AssertionError("the run has begun")


def test_a_run_shows_how_its_tokens_are_split(tmp_path: Path) -> None:
    text = write_experiment(tmp_path).read_text(encoding="utf-8").replace("ohwx", "qqzzy")
    (tmp_path / "other.yaml").write_text(text, encoding="utf-8")
    experiment = load_experiment(tmp_path / "other.yaml", ["train.resolution=128"])
    (warning,) = token_warnings(experiment)
    assert "'qqzzy' is split into" in warning
    out = io.StringIO()
    view = TerminalView(Console(file=out, width=400))
    run_experiment(experiment, lambda *_: SimulatedBackend(lambda *_: dict.fromkeys(Metric, 1.0)), view)
    assert warning in out.getvalue()
    assert "train.resolution is 128" in out.getvalue()
