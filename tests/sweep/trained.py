"""A run on paper whose checkpoints have weights."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from rich.console import Console

from dbsweep.config.loading import load_experiment
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.simulated import Curve, SimulatedBackend
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.checkpoints import CheckpointManifest, write_checkpoint
from dbsweep.models.loading import load_base
from dbsweep.models.precision import Precision
from dbsweep.records.results import Checkpoint
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.running import run_experiment
from tests.sweep.files import write_experiment
from tests.sweep.on_paper import curve

TRAINED_BY = 0.25


def paper_run(root: Path, base: Path, *overrides: str, scores: Curve = curve) -> RunFolder:
    """A run on paper of a tiny model, whose checkpoints have no weights."""
    experiment = load_experiment(write_experiment(root, base=base), overrides)
    with pytest.MonkeyPatch.context() as patch:  # the forecast takes any folder for a full-size model
        patch.setattr("dbsweep.sweep.preflight.check_disk", lambda output, needed_bytes: None)
        view = TerminalView(Console(file=io.StringIO()))
        return run_experiment(experiment, lambda *_: SimulatedBackend(scores), view)


def trained_run(root: Path, base: Path, *overrides: str) -> RunFolder:
    """A run on paper of a tiny model, all of whose checkpoints have weights: the base model's, one layer changed."""
    run = paper_run(root, base, *overrides)
    write_weights(run, read_run(run).checkpoints.values(), base)
    return run


def write_weights(
    run: RunFolder, checkpoints: Iterable[Checkpoint], base: Path, precision: Precision = Precision.FP32
) -> None:
    """Gives checkpoints the weights of `trained_models`."""
    models = trained_models(base)
    for checkpoint in checkpoints:
        write_checkpoint(
            run.path / checkpoint.path,
            unet=models.unet,
            text_encoder=None,
            state=None,
            manifest=CheckpointManifest(id=checkpoint.id, step=1, epoch=1, base_sha256=models.sha256),
            precision=precision,
        )


def trained_models(base: Path) -> StableDiffusion:
    """The base model with one layer changed."""
    models = load_base(str(base))
    with torch.no_grad():
        models.unet.conv_in.bias.add_(TRAINED_BY)
    return models
