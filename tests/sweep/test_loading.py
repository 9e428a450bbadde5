"""An experiment file as a sweep runs it: named, its models pinned, its lengths in epochs."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.config.loading import load_experiment
from dbsweep.errors import ConfigError, ModelError
from dbsweep.sweep.loading import counted_in_epochs, load
from tests.sweep.files import write_experiment


def test_the_callers_name_goes_before_the_files_and_all_else_is_as_it_stands(tmp_path: Path) -> None:
    file = write_experiment(tmp_path)
    assert load(file) == load_experiment(file)
    named = load(file, ["train.seed=7", "name=other"], name="mine")
    assert (named.name, named.train.seed) == ("mine", 7)
    with pytest.raises(ConfigError, match="name"):
        load(file, name="../escape")


def test_lengths_in_steps_are_whole_epochs_of_the_photos(tmp_path: Path) -> None:
    """Three photos: 11 steps are four epochs, 24 are eight, and 4 steps between looks are two."""
    file = write_experiment(tmp_path)
    text = file.read_text()
    file.write_text(text.replace("epochs: [4, 8]", "steps: [11, 24]").replace("every_epochs: 2", "every_steps: 4"))
    assert load_experiment(file).counts_steps
    counted = load(file)
    assert (counted.counts_steps, counted.evaluate.every_epochs) == (False, 2)
    file.write_text(text)
    assert counted.search == load(file).search


def test_an_experiment_in_epochs_is_the_same_object_and_its_photos_are_not_read(tmp_path: Path) -> None:
    experiment = load_experiment(write_experiment(tmp_path))
    for photo in (tmp_path / "photos").iterdir():
        photo.unlink()
    assert counted_in_epochs(experiment) is experiment


@pytest.mark.parametrize("place", [".", "runs"])
def test_a_run_is_no_model_until_a_checkpoint_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    file = write_experiment(tmp_path)
    (tmp_path / place / "faces").mkdir(parents=True)
    (tmp_path / place / "faces" / "ledger.db").touch()
    monkeypatch.chdir(tmp_path)
    is_run = r".*faces: this is a run; its chosen checkpoint is called .*faces@best"
    with pytest.raises(ModelError, match=f"^base model {is_run}"):
        load(file, ["base_model=faces"])
    merges = "grids=[{prompt: a man, x: {axis: merge_ratio, into: faces, values: [1]}}]"
    with pytest.raises(ModelError, match=f"^model to merge into {is_run}"):
        load(file, [merges])


def test_a_run_that_is_called_minisd_does_not_hide_the_model(tmp_path: Path) -> None:
    (tmp_path / "runs" / "minisd").mkdir(parents=True)
    (tmp_path / "runs" / "minisd" / "ledger.db").touch()
    assert load(write_experiment(tmp_path)).base_model == "minisd"


def test_a_file_that_has_an_at_sign_in_its_name_is_a_file(tmp_path: Path) -> None:
    model = tmp_path / "mine@best.safetensors"
    model.touch()
    assert load(write_experiment(tmp_path, base=model)).base_model == str(model)
