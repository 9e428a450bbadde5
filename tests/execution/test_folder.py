"""Run folders: names that stay inside, nothing overwritten, everything found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.config.loading import load_experiment
from dbsweep.errors import RunError
from dbsweep.execution.folder import RunFolder, check_free, list_runs
from dbsweep.execution.ledger.ledger import Ledger
from dbsweep.records.plan import Plan
from tests.execution.sweeps import make_experiment, make_plan


def create(output: Path, name: str = "demo") -> RunFolder:
    run = RunFolder.create(output, name, make_experiment(), make_plan())
    Ledger.create(run.ledger, name, make_experiment(), make_plan()).close()
    return run


def test_a_new_run_holds_its_experiment_and_plan(tmp_path: Path) -> None:
    run = create(tmp_path / "runs")
    assert load_experiment(run.experiment) == make_experiment()
    assert Plan.model_validate_json(run.plan.read_text()) == make_plan()
    assert RunFolder.open(tmp_path / "runs", "demo") == run


def test_an_existing_name_is_refused_and_left_alone(tmp_path: Path) -> None:
    run = create(tmp_path)
    before = run.experiment.read_bytes()
    with pytest.raises(RunError, match=r"'demo' exists already.*--name"):
        RunFolder.create(tmp_path, "demo", make_experiment(base_model="other"), make_plan())
    assert run.experiment.read_bytes() == before


def test_whoever_runs_an_interrupted_run_again_is_told_to_go_on_before_to_delete_it(tmp_path: Path) -> None:
    run = create(tmp_path)
    with pytest.raises(RunError) as told:
        check_free(tmp_path, "demo")
    assert f": if it was interrupted, go on with: dbsweep resume {run.handle}; else choose another" in str(told.value)
    run.ledger.unlink()  # it died before it had one
    with pytest.raises(RunError, match=r"already in .*: choose another name"):
        check_free(tmp_path, "demo")


def test_what_is_to_be_typed_for_a_run_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, other = create(tmp_path / "runs"), create(tmp_path / "my runs")
    assert (run.handle, other.handle) == (str(run.path), f"'{other.path}'")
    monkeypatch.chdir(tmp_path)
    assert run.handle == "demo"


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/tmp/x", "a\\b", "-x", "cache", "x" * 65, "a\n", "ä"])
def test_names_that_could_leave_the_output_folder_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunError, match="cannot be named"):
        RunFolder.create(tmp_path / "runs", name, make_experiment(), make_plan())
    with pytest.raises(RunError, match="cannot be named"):
        RunFolder.open(tmp_path / "runs", name)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_run_names_the_nearest(tmp_path: Path) -> None:
    create(tmp_path, "first")
    create(tmp_path, "quickstart")
    with pytest.raises(RunError, match=r"no run 'quickstar' .* did you mean 'quickstart'"):
        RunFolder.open(tmp_path, "quickstar")
    with pytest.raises(RunError, match="there are: first, quickstart"):
        RunFolder.open(tmp_path, "zzz")


def test_runs_are_listed_by_name_and_other_folders_are_not(tmp_path: Path) -> None:
    create(tmp_path, "b")
    create(tmp_path, "a")
    (tmp_path / "cache" / "latents").mkdir(parents=True)
    (tmp_path / "mlflow.db").touch()
    assert [run.name for run in list_runs(tmp_path)] == ["a", "b"]
    assert list_runs(tmp_path / "missing") == ()


def test_paths_sort_by_step_and_runs_share_the_cache(tmp_path: Path) -> None:
    run = create(tmp_path, "a")
    assert run.checkpoint("b01", 120).name == "000120"
    assert run.relative(run.images("b01", 120) / "x.png") == "images/b01/000120/x.png"
    assert run.cache == create(tmp_path, "b").cache == tmp_path / "cache"
