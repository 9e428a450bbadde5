"""A second subject is taught to what a run has made of the first."""

from __future__ import annotations

import io
import logging
import shutil
from pathlib import Path

import pytest
import torch
from rich.console import Console
from safetensors import safe_open

from dbsweep.errors import ModelError, RunError
from dbsweep.execution import loaded
from dbsweep.execution.folder import RunFolder
from dbsweep.models.checkpoint_files import drop_weights
from dbsweep.models.checkpoints import read_manifest
from dbsweep.models.export.whole import save_pipeline
from dbsweep.models.loading import load_base
from dbsweep.models.restoring import restore_base
from dbsweep.models.sources import BaseSource, check_base, check_source
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.answers import find_checkpoint, read_run
from dbsweep.sweep.exporting import Format, export_checkpoint
from dbsweep.sweep.loading import load
from dbsweep.sweep.running import run_experiment
from tests.execution.in_process import InProcessBackend
from tests.execution.tiny_sweep import ColourEncoder
from tests.models.diffusers_lora import with_lora
from tests.sweep.files import write_experiment

SHORT = (
    "search.learning_rate=[1e-3]",
    "search.epochs=[2]",
    "evaluate.every_epochs=1",
    "checkpoints.precision=fp32",
)
LORA = ("train.lora_rank=2", "train.lora_alpha=3")


def teach(root: Path, base: str | Path, token: str, *overrides: str) -> RunFolder:
    """A short training of a subject, in this process; runs go to `root`/runs."""
    file = write_experiment(root / token)
    file.write_text(file.read_text().replace("ohwx", token).replace("name: demo", f"name: {token}"))
    experiment = load(file, (*SHORT, *overrides, f"base_model={base}", f"output={root / 'runs'}"))
    return run_experiment(experiment, lambda *_: InProcessBackend(), TerminalView(Console(file=io.StringIO())))


@pytest.fixture(scope="module")
def root(tiny_sd: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds four runs: ohwx, sks taught on top of it, zwx on top of that as a LoRA, and tok on top of the LoRA."""
    root = tmp_path_factory.mktemp("continuing")
    with pytest.MonkeyPatch.context() as patch:
        # The forecast takes any folder for a full-size model.
        patch.setattr("dbsweep.sweep.preflight.check_disk", lambda output, needed_bytes: None)
        patch.setattr(loaded, "encoder", lambda source: ColourEncoder())
        # Random weights draw noise, and rounding, which is each CPU's own, decides whether the verdict ends that early.
        patch.setattr("dbsweep.execution.scheduling.judgement.should_stop", lambda *_, **__: False)
        loaded.reference.cache_clear()
        teach(root, tiny_sd, "ohwx")
        teach(root, "ohwx@best", "sks")
        teach(root, f"{root / 'runs' / 'sks'}@b01-000006", "zwx", *LORA)
        teach(root, "zwx@b01-000003", "tok")
    return root


def checkpoint(root: Path, name: str) -> Path:
    folder, _, found = find_checkpoint(name, root / "runs")
    return folder.path / found.path


def unet(source: Path | str) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = load_base(str(source)).unet.state_dict()
    return weights


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, b[key]) for key, value in a.items())


@pytest.mark.parametrize(("run", "base"), [("sks", "ohwx@best"), ("zwx", "sks@b01-000006"), ("tok", "zwx@b01-000003")])
def test_a_run_begins_at_the_checkpoint_that_it_names(root: Path, run: str, base: str) -> None:
    manifest = read_manifest(checkpoint(root, f"{run}@b01-000003"))
    assert manifest.base == BaseSource(source=str(checkpoint(root, base)))
    begun = load_base(str(checkpoint(root, base)))
    assert (
        manifest.base_sha256 == begun.sha256 == read_run(find_checkpoint(f"{run}@best", root / "runs")[0]).base_sha256
    )
    assert not same(unet(checkpoint(root, f"{run}@b01-000003")), begun.unet.state_dict())


def test_a_chain_of_trainings_is_one_model_that_is_exported_whole(root: Path, tmp_path: Path) -> None:
    export_checkpoint("tok@b01-000006", root / "runs", tmp_path / "out", form="diffusers", note=lambda line: None)
    assert same(unet(tmp_path / "out"), unet(checkpoint(root, "tok@b01-000006")))


def test_a_lora_is_exported_alone_and_makes_the_same_model(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "zwx.safetensors"
    export_checkpoint("zwx@b01-000006", root / "runs", path, form="lora", note=lambda line: None)
    save_pipeline(load_base(str(checkpoint(root, "sks@b01-000006"))), tmp_path / "sks")
    made = with_lora(tmp_path / "sks", path).unet.state_dict()
    for key, value in unet(checkpoint(root, "zwx@b01-000006")).items():
        assert torch.allclose(made[key], value, atol=1e-6)


@pytest.mark.parametrize(("form", "phrase"), [("single-file", "ohwx, sks, zwx"), ("lora", "zwx")])
def test_an_export_is_triggered_by_all_subjects_that_it_knows(
    root: Path, tmp_path: Path, form: Format, phrase: str
) -> None:
    path = tmp_path / "zwx.safetensors"
    export_checkpoint("zwx@b01-000006", root / "runs", path, form=form, note=lambda line: None)
    with safe_open(path, "pt") as file:
        assert file.metadata()["modelspec.trigger_phrase"] == phrase


def test_a_checkpoint_as_base_is_restored_like_any_base(
    root: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("diffusers"), "propagate", True)
    models = load_base(str(checkpoint(root, "zwx@b01-000006")))
    before = {key: value.clone() for key, value in models.unet.state_dict().items()}
    with torch.no_grad():
        models.unet.conv_in.weight.add_(1.0)
    restore_base(models)
    assert same(before, models.unet.state_dict())
    assert caplog.messages == []  # diffusers warns of a dtype where there is nothing to warn of


def test_the_chosen_checkpoint_is_pinned_when_the_file_is_read(root: Path, tmp_path: Path) -> None:
    experiment = load(write_experiment(tmp_path, base="ohwx@best"), (f"output={root / 'runs'}",))
    assert experiment.base_model == str(checkpoint(root, "ohwx@best"))


def test_a_checkpoint_that_a_grid_merges_into_is_pinned_too(root: Path, tmp_path: Path) -> None:
    file = write_experiment(tmp_path)
    merges = [f"{{axis: merge_ratio, into: {name}, values: [1]}}" for name in ("ohwx@best", "minisd", "ohwx@best")]
    grids = ", ".join(f"{{prompt: a man, x: {{axis: seed, values: [1]}}, y: {each}}}" for each in merges)
    file.write_text(f"{file.read_text()}grids: [{grids}]\n")
    experiment = load(file, (f"output={root / 'runs'}",))
    assert experiment.custom_models == (str(checkpoint(root, "ohwx@best")), "minisd")
    assert [axis.into for grid in experiment.grids for axis in grid.axes][::2] == [None] * 3
    with pytest.raises(ModelError, match="ohwx: this is a run; its chosen checkpoint is called ohwx@best"):
        load(file, (f"output={root / 'runs'}", "grids.1.y.into=ohwx"))


def test_what_is_not_there_is_said_before_anything_starts(root: Path, tmp_path: Path) -> None:
    file = write_experiment(tmp_path, base="ohwx@b07-000001")
    with pytest.raises(RunError, match="run 'ohwx' has no checkpoint 'b07-000001'"):
        load(file, (f"output={root / 'runs'}",))
    with pytest.raises(RunError, match=r"no run 'nobody' in .*runs; there are: ohwx, sks, tok, zwx"):
        load(file, (f"output={root / 'runs'}", "base_model=nobody@best"))
    with pytest.raises(RunError, match=r"no run 'ohw' in .*runs; did you mean 'ohwx'"):
        load(file, (f"base_model={root / 'runs' / 'ohw'}@best",))


@pytest.mark.parametrize("name", ["ohwx", "{runs}/ohwx"])
def test_a_run_without_a_checkpoint_is_told_how_to_name_one(root: Path, tmp_path: Path, name: str) -> None:
    file = write_experiment(tmp_path, base=name.format(runs=root / "runs"))
    with pytest.raises(ModelError, match=r"ohwx: this is a run; its chosen checkpoint is called .*ohwx@best"):
        load(file, (f"output={root / 'runs'}",))


def test_a_checkpoint_without_weights_is_told_before_anything_starts(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, folder = write_experiment(tmp_path, base="tok@b01-000003"), checkpoint(root, "tok@b01-000003")
    record = read_run(RunFolder(root / "runs" / "tok"))
    known = record.checkpoints["b01-000003"].model_copy(update={"kept": False})
    dropped = record.model_copy(update={"checkpoints": {**record.checkpoints, "b01-000003": known}})
    monkeypatch.setattr("dbsweep.sweep.answers.read_run", lambda _: dropped)
    message = (
        r"run 'tok' has dropped the weights of 'b01-000003' \(checkpoints.keep\): give best or one of b01-000006, or"
    )
    with pytest.raises(RunError, match=message):
        load(file, (f"output={root / 'runs'}",))
    shutil.copytree(folder, tmp_path / "bare")
    drop_weights(tmp_path / "bare")
    with pytest.raises(ModelError, match=r"base model .*bare: its weights were dropped \(checkpoints.keep\); take one"):
        check_source(str(tmp_path / "bare"))


@pytest.mark.parametrize(
    ("gone", "lacks"), [("unet.safetensors", "unet.safetensors"), ("manifest.json", "manifest.json"), ("", "manifest")]
)
def test_a_checkpoint_whose_files_are_gone_is_told_before_anything_starts(
    root: Path, tmp_path: Path, gone: str, lacks: str
) -> None:
    runs = shutil.copytree(root / "runs", tmp_path / "runs")
    folder = checkpoint(tmp_path, "ohwx@best")
    (folder / gone).unlink() if gone else shutil.rmtree(folder)
    message = rf"base model {folder}: the files of this checkpoint of run 'ohwx' are gone or damaged \(it lacks {lacks}"
    with pytest.raises(ModelError, match=message):
        teach(tmp_path, "ohwx@best", "tok2")
    assert not (runs / "tok2").exists()


def test_a_checkpoint_has_neither_halves_nor_another_vae(root: Path, tiny_sd: Path) -> None:
    source = str(checkpoint(root, "ohwx@best"))
    check_source(source)
    for changes in ({"ema": True}, {"vae": str(tiny_sd)}):
        for refuse in (check_base, load_base):
            with pytest.raises(ModelError, match="leave vae and base_model_ema out"):
                refuse(BaseSource(source=source, **changes))
