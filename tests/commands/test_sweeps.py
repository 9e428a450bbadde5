"""Tests of the commands that plan and lead a sweep: numbers on stdout, bad input refused before anything is written."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal

import pytest

from dbsweep.config.loading import load_experiment
from dbsweep.errors import RunError
from dbsweep.execution.driver_lock import driving
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.ledger.ledger import Ledger
from dbsweep.sweep.planning import make_plan
from tests.sweep.files import write_experiment


def test_plan_as_json_has_the_contract_s_keys_and_numbers(dbsweep, tmp_path):
    code, out, _ = dbsweep("plan", write_experiment(tmp_path), "--json")
    assert code == 0
    plan = json.loads(out)
    assert plan.keys() == {"trials", "branches", "steps_alone", "steps_shared", "images", "disk_bytes"}
    # Two rates, each with 4 and 8 epochs of 3 photos: alone 2·(12 + 24) = 72 steps. Ratio 0.5 freezes after 2 and
    # after 4 epochs, so the 4-epoch trial shares its first 2 epochs: 2·(24 + 6) = 60.
    assert (plan["trials"], plan["branches"]) == (4, 4)
    assert (plan["steps_alone"], plan["steps_shared"]) == (72, 60)


def test_plan_as_text_says_what_is_shared(dbsweep, tmp_path):
    code, out, _ = dbsweep("plan", write_experiment(tmp_path))
    assert code == 0
    assert "4 trials" in out
    assert "72" in out
    assert "60" in out


SD1_ON_A_SMALL_GPU = (
    "--set", "base_model=stable-diffusion-v1-5/stable-diffusion-v1-5", "--set", "train.resolution=512",
    "--set", "resources.gpus_per_trial=1", "--set", "resources.gpu_memory_gb=11.5",
)  # fmt: skip


def test_plan_tells_what_does_not_fit_the_gpu_and_what_would(dbsweep, tmp_path):
    code, out, _ = dbsweep("plan", write_experiment(tmp_path), *SD1_ON_A_SMALL_GPU)
    assert code == 0
    (note,) = [line for line in out.splitlines() if line.startswith("note: memory")]
    assert " of the GPU's 11.5 GB (weights 4.0, " in note
    assert "does not fit and will probably run out of memory; what makes it fit: train.memory auto" in note


def test_plan_tells_what_memory_auto_has_chosen(dbsweep, tmp_path):
    code, out, _ = dbsweep("plan", write_experiment(tmp_path), *SD1_ON_A_SMALL_GPU, "--set", "train.memory=auto")
    assert code == 0
    assert "so all trials train with optimizer adamw_8bit, gradient_checkpointing true" in out
    assert ": fits" in out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("train.attention=xformers", "train.attention xformers needs a GPU"),
        ("train.precision=fp16", "train.precision fp16 needs a GPU"),
        ("search.precision=[fp32,fp16]", "train.precision fp16 needs a GPU"),
        ("train.optimizer=paged_lion_8bit", "train.optimizer paged_lion_8bit pages between GPU and CPU memory"),
    ],
)
def test_what_needs_a_gpu_is_refused_before_anything_is_written(dbsweep, tmp_path, change, message):
    code, _, err = dbsweep("run", write_experiment(tmp_path), "--set", change)
    assert code == 2
    assert message in err
    assert not (tmp_path / "runs").exists()


def test_a_missing_photo_folder_is_named(dbsweep, tmp_path):
    file = write_experiment(tmp_path)
    for photo in (tmp_path / "photos").iterdir():
        photo.unlink()
    code, _, err = dbsweep("plan", file)
    assert code == 2
    assert f"no photos in {tmp_path / 'photos'}" in err


def test_own_class_images_are_counted_by_the_plan_and_looked_at_before_a_run(dbsweep, tmp_path):
    file, own = write_experiment(tmp_path), tmp_path / "men"
    folder = ("--set", f"concepts.0.class_images.folder={own}")
    code, _, err = dbsweep("plan", file, *folder)
    assert code == 2
    assert f"photo folder {own} does not exist" in err
    own.mkdir()
    for photo in (tmp_path / "photos").iterdir():
        shutil.copy(photo, own)
        photo.with_suffix(".txt").write_text("a man, smiling", encoding="utf-8")
    drawn = json.loads(dbsweep("plan", file, "--json")[1])["images"]
    assert json.loads(dbsweep("plan", file, "--json", *folder)[1])["images"] == drawn - 3
    captions = ("--set", "concepts.0.class_prompt='[filewords]'")
    code, _, err = dbsweep("run", file, *folder, *captions)
    assert code == 2
    assert f"{own / '0.png'} has no caption" in err
    assert not (tmp_path / "runs").exists()


def test_a_base_model_that_is_none_is_refused_and_nothing_is_written(dbsweep, tmp_path):
    not_a_model = tmp_path / "model"
    not_a_model.mkdir()
    code, _, err = dbsweep("run", write_experiment(tmp_path / "x", base=not_a_model))
    assert code == 2
    assert "not a diffusers pipeline folder" in err
    assert not (tmp_path / "x" / "runs").exists()


def test_a_run_that_is_led_already_is_an_error(dbsweep, tmp_path):
    experiment = load_experiment(write_experiment(tmp_path))
    plan = make_plan(experiment)
    folder = RunFolder.create(experiment.output, "demo", experiment, plan)
    Ledger.create(folder.ledger, "demo", experiment, plan).close()
    with driving(folder):
        code, out, err = dbsweep("resume", folder.path)
    assert (code, out) == (2, "")
    assert f"led by process {os.getpid()} on " in err
    assert f"dbsweep resume {folder.path}" in err


def test_what_libraries_print_while_a_sweep_goes_on_is_not_the_outcome(dbsweep, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        print("(raylet) The node with node id: 1 has been marked dead")
        raise KeyboardInterrupt

    monkeypatch.setattr("dbsweep.sweep.running.run_file", interrupted)
    code, out, err = dbsweep("run", write_experiment(tmp_path))
    assert (code, out) == (130, "")
    assert "marked dead" in err


@pytest.mark.parametrize(("ending", "silenced"), [(signal.SIGTERM, []), (signal.SIGHUP, [1, 2])])
def test_what_ends_a_process_stops_a_sweep_as_ctrl_c_does(dbsweep, tmp_path, monkeypatch, ending, silenced):
    before, closed = signal.getsignal(ending), []

    def stopped_twice(*_, **__):
        try:
            signal.raise_signal(ending)
        finally:
            signal.raise_signal(ending)  # does nothing while the first one is seen to

    monkeypatch.setattr("dbsweep.sweep.running.run_file", stopped_twice)
    monkeypatch.setattr("os.dup2", lambda _, stream: closed.append(stream))
    assert dbsweep("run", write_experiment(tmp_path))[:2] == (130, "")
    assert signal.getsignal(ending) is before
    assert closed == silenced  # where the terminal is gone, every line would be an error


def test_under_nohup_a_sweep_goes_on_when_its_terminal_goes(dbsweep, tmp_path, monkeypatch):
    def left_alone(*_, **__):
        signal.raise_signal(signal.SIGHUP)
        raise RunError("it went on")

    monkeypatch.setattr("dbsweep.sweep.running.run_file", left_alone)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        code, _, err = dbsweep("run", write_experiment(tmp_path))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (code, "it went on" in err) == (2, True)


def test_every_ctrl_c_is_heard_and_told(dbsweep, tmp_path, monkeypatch):
    heard: list[str] = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def stopped_twice(*_, **__):
        for which in ("first", "second"):  # which does not wait for the workers
            with contextlib.suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
                pytest.fail(f"the {which} Ctrl-C was not heard")
        raise KeyboardInterrupt

    monkeypatch.setattr("dbsweep.sweep.running.run_file", stopped_twice)
    monkeypatch.setattr("dbsweep.reports.terminal.TerminalView.stopping", lambda _: heard.append("stopping"))
    try:
        assert dbsweep("run", write_experiment(tmp_path))[:2] == (130, "")
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == ["stopping", "stopping"]
