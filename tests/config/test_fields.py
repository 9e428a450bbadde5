"""Numbers, paths and names of models, as they are read from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.config.axes import Values
from tests.config.conftest import SMALL, Faults, Load


@pytest.mark.parametrize("number", ["2e-6", "2.0e-6", "0.000002", "'2e-6'", "2E-06", "+2e-6"])
def test_yaml_numbers_without_a_point_are_numbers(load: Load, number: str):
    experiment = load(f"train: {{learning_rate: {number}}}\nsearch: {{learning_rate: [{number}]}}\n")
    assert experiment.train.learning_rate == 2e-6
    assert experiment.search.axes["learning_rate"] == Values(values=(2e-6,))


def test_relative_paths_start_at_the_file(load: Load, tmp_path: Path):
    (tmp_path / "models" / "mine").mkdir(parents=True)
    text = SMALL.replace("minisd", "models/mine").replace(
        "    instance_token", "    class_images: {folder: ../own}\n    instance_token"
    )
    experiment = load("evaluate: {encoder: ./clip}\n", text=text)
    assert experiment.concepts[0].instance_images == tmp_path / "photos"
    assert experiment.concepts[0].class_images.folder == tmp_path.parent / "own"
    assert experiment.base_model == str(tmp_path / "models" / "mine")
    assert experiment.evaluate.encoder == str(tmp_path / "clip")
    assert experiment.output == Path("runs")


@pytest.mark.parametrize(
    ("given", "kept"), [("clip", "{here}/clip"), ("~/clip", "{here}/home/clip"), ("/clip", "/clip")]
)
def test_a_folder_with_open_clips_prefix_starts_at_the_file_too(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, kept: str
):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    encoder = load("", f"evaluate.encoder=local-dir:{given}").evaluate.encoder
    assert encoder == f"local-dir:{kept.format(here=tmp_path)}"


@pytest.mark.parametrize("source", ["minisd", "stable-diffusion-v1-5/stable-diffusion-v1-5"])
def test_names_of_models_are_not_paths(load: Load, source: str):
    assert load("", f"base_model={source}").base_model == source


@pytest.mark.parametrize("source", ["model.safetensors", "./model", "sub/model.ckpt"])
def test_model_files_are_paths(load: Load, tmp_path: Path, source: str):
    assert load("", f"base_model={source}").base_model == str(tmp_path / source)


def test_the_home_folder_is_expanded(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    experiment = load("output: ~/runs\n", "concepts.0.instance_images=~/photos", "base_model=~/model")
    assert experiment.concepts[0].instance_images == tmp_path / "home" / "photos"
    assert experiment.base_model == str(tmp_path / "home" / "model")
    assert experiment.output == tmp_path / "home" / "runs"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("sqlite:///mlflow.db", "sqlite:///{here}/mlflow.db"),
        ("sqlite:///../all.db", "sqlite:///{above}/all.db"),
        ("sqlite:///~/all.db", "sqlite:///{here}/home/all.db"),
        ("sqlite:////srv/all.db", "sqlite:////srv/all.db"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
    ],
)
def test_the_file_of_a_store_is_found_from_another_folder(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, kept: str
):
    # `dbsweep track`, given elsewhere, would else make an empty store there and log the run a second time.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert load("", f"tracking.uri={given}").tracking.uri == kept.format(here=tmp_path, above=tmp_path.parent)


def test_an_unknown_home_folder_is_a_fault(faults: Faults):
    found = faults("", "concepts.0.instance_images=~nobody-has-this-name/x", "output=~nobody-has-this-name/x")
    assert found["concepts[0].instance_images"].startswith("has no home folder")
    assert found["output"].startswith("has no home folder")
