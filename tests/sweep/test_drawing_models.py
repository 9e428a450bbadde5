"""What a person may name to draw with, and what a name is taken for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from dbsweep.errors import DbsweepError
from dbsweep.execution.folder import RunFolder
from dbsweep.models.loading import load_base
from dbsweep.sampling.settings import DrawSettings
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.drawing_models import find_drawing_model
from tests.sweep.trained import TRAINED_BY, trained_run


@pytest.fixture(scope="module")
def run(tiny_sd: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return trained_run(
        tmp_path_factory.mktemp("drawing"),
        tiny_sd,
        "clip_skip=2",
        "evaluate.negative_prompt=blurry",
        "evaluate.seed=7",
        "evaluate.precision=fp32",
    )


OF_RUN = DrawSettings("blurry", 2, 7, 7.5, 2, "DPM++ 2M Karras", 64, 64, 2)
"""Those of the run's `evaluate`, `train.resolution` and `clip_skip`."""


@pytest.mark.parametrize("suffix", ["", "@best"])
def test_a_run_draws_with_its_choice_and_its_settings(run: RunFolder, suffix: str) -> None:
    record = read_run(run)
    assert record.choice is not None
    for found in (
        find_drawing_model(f"{run.path}{suffix}", Path("runs")),
        find_drawing_model(f"demo{suffix}", run.path.parent),
    ):
        assert found.found.name == f"demo@{record.choice.best.checkpoint}"
        assert (found.settings, found.precision) == (OF_RUN, "fp32")
    loaded = found.load()
    assert loaded.settings == OF_RUN
    assert loaded.model_hash == record.checkpoints[record.choice.best.checkpoint].sha256[:10]


def test_any_checkpoint_draws_by_its_name_or_its_folder_and_has_one_hash(run: RunFolder, tiny_sd: Path) -> None:
    checkpoint = next(iter(read_run(run).checkpoints.values()))
    by_name = find_drawing_model(f"{run.path}@{checkpoint.id}", Path("runs"))
    by_folder = find_drawing_model(str(run.path / checkpoint.path), Path("runs"))
    assert by_name == by_folder
    loaded = by_folder.load()
    assert loaded.model_hash == checkpoint.sha256[:10]
    base = load_base(str(tiny_sd))
    assert torch.equal(loaded.models.unet.conv_in.bias, base.unet.conv_in.bias + TRAINED_BY)


def test_a_base_model_draws_at_its_own_size_with_the_defaults_of_an_experiment(tiny_sd: Path) -> None:
    found = find_drawing_model(str(tiny_sd), Path("runs"))
    defaults = DrawSettings("", 4, 420420, 7.5, 20, "DPM++ 2M Karras", 64, 64, 1)
    assert (found.found.name, found.settings, found.precision) == (tiny_sd.name, defaults, "auto")
    loaded = found.load()
    assert loaded.settings == defaults
    assert loaded.model_hash == loaded.models.sha256[:10]


def test_the_embedded_model_has_its_name() -> None:
    assert find_drawing_model("minisd", Path("runs")).settings.width == 64


def test_a_single_file_has_a1111s_hash(tiny_sd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dbsweep.models.export.whole import save_single_file
    from dbsweep.models.hash_cache import file_hashes

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(tiny_sd, tmp_path / "model")
    save_single_file(load_base(str(tiny_sd)), tmp_path / "model.safetensors", metadata={})
    loaded = find_drawing_model(str(tmp_path / "model.safetensors"), Path("runs")).load()
    assert loaded.model_hash == file_hashes(tmp_path / "model.safetensors").short
    assert loaded.settings.width == 64


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dmo", r"no run 'dmo' in .*runs; did you mean 'demo'\? \(nor is there a model of that name\)"),
        ("{runs}/dmo", r"no run 'dmo' in .*runs; did you mean 'demo'\?"),
        ("demo@b01-999999", "run 'demo' has no checkpoint 'b01-999999': give best or one of b"),
        ("none@best", "no run 'none'"),
        ("none/here/model", "base model none/here/model: no such folder or file"),
        ("model.safetensors", "base model model.safetensors: no such folder or file"),
        ("MiniSD", "the model that comes with dbsweep is called minisd"),
        ("{photos}", "not a diffusers pipeline folder"),
    ],
)
def test_what_is_no_model_is_told(run: RunFolder, name: str, message: str) -> None:
    runs = run.path.parent
    with pytest.raises(DbsweepError, match=message):
        find_drawing_model(name.format(runs=runs, photos=runs.parent / "photos"), runs)
