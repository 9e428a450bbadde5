"""Tests of what is said before a sweep begins, of the subject's word and of the size."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from dbsweep.config.loading import load_experiment
from dbsweep.execution.simulated import SimulatedBackend
from dbsweep.records.names import Metric
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.notes import clip_skip_warnings, size_warnings, token_warnings
from dbsweep.sweep.planning import planned
from dbsweep.sweep.running import run_experiment
from tests.sweep.files import write_experiment
from tests.tiny_models import write_pipeline


def test_the_size_that_the_base_model_was_made_for_is_named(tmp_path: Path) -> None:
    file = write_experiment(tmp_path)
    (warning,) = size_warnings(load_experiment(file, ["train.resolution=128"]))
    assert warning.startswith("train.resolution is 128, and the base model was made for 64 × 64 pixels")
    swept = ["train.resolution=128", "search.resolution=[64,128]"]  # all trials are drawn at train.resolution
    assert size_warnings(load_experiment(file, swept)) == (warning,)


@pytest.mark.parametrize("change", ["train.resolution=64", "search.resolution=[64,128]"])
def test_the_right_size_and_sizes_that_are_swept_are_nothing_to_tell(tmp_path: Path, change: str) -> None:
    assert size_warnings(load_experiment(write_experiment(tmp_path), [change])) == ()


@pytest.mark.parametrize(("version", "is_told"), [(1, False), (2, True)])
def test_clip_skip_is_not_for_sd_2_as_for_a1111(tmp_path: Path, version: int, is_told: bool) -> None:
    file = write_experiment(tmp_path, base=write_pipeline(tmp_path / "sd", version=version))
    assert clip_skip_warnings(load_experiment(file)) == ()
    out = io.StringIO()
    view = TerminalView(Console(file=out, width=400))
    backend = SimulatedBackend(lambda *_: dict.fromkeys(Metric, 1.0))
    run_experiment(load_experiment(file, ["clip_skip=2"]), lambda *_: backend, view)
    assert ("clip_skip is 2, and the base model is a Stable Diffusion 2" in out.getvalue()) is is_told


def test_a_second_subject_keeps_the_clip_skip_of_the_first(tmp_path: Path) -> None:
    file = write_experiment(tmp_path)
    first = run_experiment(
        load_experiment(file, ["clip_skip=2"]),
        lambda *_: SimulatedBackend(lambda *_: dict.fromkeys(Metric, 1.0)),
        TerminalView(Console(file=io.StringIO())),
    )
    base = first.path / next(iter(read_run(first).checkpoints.values())).path
    second = load_experiment(file, [f"base_model={base}"])
    (warning,) = clip_skip_warnings(second)
    assert "was trained with 2" in warning
    assert clip_skip_warnings(second.model_copy(update={"clip_skip": 2})) == ()


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


def test_tokens_of_several_concepts_that_share_a_piece_are_told_of(tmp_path: Path) -> None:
    experiment = load_experiment(write_experiment(tmp_path))
    other = experiment.concepts[0].model_copy(update={"instance_token": "ohwx1"})
    split, shared = token_warnings(experiment.model_copy(update={"concepts": (*experiment.concepts, other)}))
    assert split.startswith("instance_token 'ohwx1' is split into 2 pieces (ohwx, 1)")
    assert shared.startswith("instance_token 'ohwx' and 'ohwx1' share the piece 'ohwx'")


def test_a_photo_that_is_there_twice_is_told_of(tmp_path: Path) -> None:
    file, photos = write_experiment(tmp_path), tmp_path / "photos"
    shutil.copy(photos / "0.png", photos / "copy.png")
    Image.open(photos / "1.png").save(photos / "converted.bmp")
    experiment = load_experiment(file)
    copied, converted = "the same photo is there as 0.png and copy.png", "as 1.png and converted.bmp"
    told = " ".join(planned(experiment)[1].notes)
    assert copied in told
    assert converted not in told  # a plan decodes no photo
    out = io.StringIO()
    view = TerminalView(Console(file=out, width=400))
    folder = run_experiment(experiment, lambda *_: SimulatedBackend(lambda *_: dict.fromkeys(Metric, 1.0)), view)
    for sentence in (copied, converted):
        assert out.getvalue().count(sentence) == 1
        assert sentence in " ".join(read_run(folder).plan.notes)


@pytest.mark.parametrize(
    ("token", "warning"), [("ohwx", None), ("xyzzyplugh", "instance_token 'xyzzyplugh' is"), ("☃", "instance_token")]
)
def test_a_token_that_the_base_model_does_not_read_as_one_is_told_of(
    tmp_path: Path, token: str, warning: str | None
) -> None:
    file = write_experiment(tmp_path)
    file.write_text(file.read_text(encoding="utf-8").replace("ohwx", token), encoding="utf-8")
    told = token_warnings(load_experiment(file))
    assert len(told) == (warning is not None)
    assert warning is None or told[0].startswith(warning)
