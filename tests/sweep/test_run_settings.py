"""A run goes on by the settings that it began with, wherever its files lie."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from dbsweep.errors import (
    RunError,
)
from dbsweep.execution.simulated import SimulatedBackend
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.running import resume_run
from tests.sweep.on_paper import curve, interrupted

pytestmark = pytest.mark.usefixtures("any_base_model")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("prior_loss_weight: 1.0", "prior_loss_weight: 0.5", r"train\.prior_loss_weight was 1\.0 and is 0\.5"),
        ("- 8", "- 10", r"search\.epochs\[1\] was 8 and is 10"),
        ("class_token: man", "class_token: guy", r"concepts\[0\]\.class_token was 'man' and is 'guy'"),
        ("images_per_prompt: 2", "images_per_prompt: 3", r"evaluate\.images_per_prompt was 2 and is 3"),
    ],
)
def test_a_run_does_not_go_on_with_other_settings(tmp_path, old, new, told):
    view = TerminalView(Console(file=io.StringIO()))
    folder = interrupted(tmp_path, view)
    before = folder.experiment.read_text()
    assert before.count(old) == 1
    folder.experiment.write_text(before.replace(old, new))
    with pytest.raises(RunError, match=rf"is not what run 'demo' began with \({told}\): .* change it back, or run it"):
        resume_run(folder, lambda *_: pytest.fail("trained"), view)
    folder.experiment.write_text(before)
    resume_run(folder, lambda *_: SimulatedBackend(curve), view)
    assert read_run(folder).choice is not None


def test_a_run_goes_on_on_another_machine_with_its_photos_elsewhere(tmp_path):
    view = TerminalView(Console(file=io.StringIO()))
    folder = interrupted(tmp_path, view)
    (tmp_path / "photos").rename(tmp_path / "moved")
    text = folder.experiment.read_text().replace(str(tmp_path / "photos"), str(tmp_path / "moved"))
    folder.experiment.write_text(text.replace("cpus_per_trial: 1.0", "cpus_per_trial: 2.0"))
    resume_run(folder, lambda *_: SimulatedBackend(curve), view)
    assert read_run(folder).choice is not None


@pytest.mark.parametrize("setting", ["cuda_graphs", "deterministic"])
def test_a_run_goes_on_without_what_a_gpu_had_trouble_with(tmp_path, setting):
    view = TerminalView(Console(file=io.StringIO()))
    folder = interrupted(tmp_path, view)
    before = folder.experiment.read_text()
    assert before.count(f"{setting}: true") == 1
    folder.experiment.write_text(before.replace(f"{setting}: true", f"{setting}: false"))
    resume_run(folder, lambda *_: SimulatedBackend(curve), view)
    assert read_run(folder).choice is not None


def test_a_run_goes_on_without_its_experiment_file(tmp_path):
    view = TerminalView(Console(file=io.StringIO()))
    folder = interrupted(tmp_path, view)
    folder.experiment.unlink()
    resume_run(folder, lambda *_: SimulatedBackend(curve), view)
    assert read_run(folder).choice is not None
