"""A name is a run's checkpoint or a base model, and nothing of a base model is looked at yet."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dbsweep.errors import RunError
from dbsweep.execution.folder import RunFolder
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.found_models import find_model
from tests.sweep.files import write_weights
from tests.sweep.on_paper import curve, run

NOWHERE = Path("nowhere")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    _, folder, _ = run(tmp_path_factory.mktemp("found"), curve)
    write_weights(folder)
    return folder


def test_a_base_model_is_named_without_its_folders(tmp_path: Path) -> None:
    file = tmp_path / "some.safetensors"
    found = find_model(str(file), NOWHERE)
    assert (found.name, found.source.source, found.run) == ("some.safetensors", str(file), None)
    assert find_model("minisd", NOWHERE).name == "minisd"


def test_a_run_stands_for_its_choice_on_its_base_model(made: RunFolder) -> None:
    best = read_run(made).choice
    assert best is not None
    for name, runs in ((made.path.name, made.path.parent), (str(made.path), NOWHERE)):
        found = find_model(name, runs)
        assert found.name == f"demo@{best.best.checkpoint}"
        assert found.run is not None
        assert found.source.source == str(made.path / found.run[2].path)
        assert found.source.below is not None
        assert find_model(found.name, made.path.parent) == found


def test_minisd_is_the_model_even_where_a_run_has_its_name(made: RunFolder, tmp_path: Path) -> None:
    shutil.copytree(made.path, tmp_path / "minisd")
    assert find_model("minisd", tmp_path).run is None


def test_a_file_with_an_at_in_its_name_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "a@b.safetensors").touch()
    assert find_model(str(tmp_path / "a@b.safetensors"), NOWHERE).run is None
    with pytest.raises(RunError, match="no run 'a' in"):
        find_model("a@b", tmp_path)


def test_a_checkpoint_whose_weights_are_gone_is_told(made: RunFolder, tmp_path: Path) -> None:
    shutil.copytree(made.path, tmp_path / "demo")
    shutil.rmtree(tmp_path / "demo" / "checkpoints")
    with pytest.raises(RunError, match="demo"):
        find_model("demo", tmp_path)
