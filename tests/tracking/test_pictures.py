"""The sheet of a checkpoint's pictures."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from dbsweep.records.names import PromptKind
from dbsweep.records.results import SampleImage, Scorecard
from dbsweep.tracking.mlflow_log import MlflowTracker
from dbsweep.tracking.pictures import write_sheet
from tests.tracking.records import make_record
from tests.tracking.store import SETTINGS, pictures, runs_in


def test_pictures_are_a_sheet_a_step(output: Path) -> None:
    MlflowTracker(SETTINGS, output).sync(make_record(output / "demo", steps=2), output / "demo")
    run = runs_in(output)["t002"]
    files = [name for name in pictures(output, run.info.run_id) if name.endswith(".png")]
    assert [name.split("+")[:3] for name in files] == [
        ["images/samples", "step", "10"],
        ["images/samples", "step", "20"],
    ]
    assert run.data.tags["mlflow.loggedImages"] == "True"
    with Image.open(output / "mlartifacts" / run.info.run_id / "artifacts" / files[0]) as sheet:
        assert sheet.size == (2 * 192 + 4, 2 * 192 + 4)  # two prompts, two seeds
        assert [sheet.getpixel(at) for at in ((5, 5), (300, 5), (5, 300), (300, 300))] == [
            (0, 10, 10),
            (60, 10, 10),
            (120, 10, 10),
            (180, 10, 10),
        ]


def card_of(folder: Path, picture: Image.Image, checkpoint: str = "b01-000010") -> Scorecard:
    """Of a checkpoint that has drawn one picture."""
    picture.save(folder / "a.png")
    sample = SampleImage(path="a.png", prompt="photo", kind=PromptKind.CLASS, concept=0, prompt_index=0, seed=1)
    return Scorecard(checkpoint=checkpoint, scores={}, images=(sample,))


def stripes(side: int) -> Image.Image:
    """Black and white columns, one pixel each."""
    row = np.tile(np.array([0, 255], np.uint8), side // 2)
    return Image.fromarray(np.tile(row, (side, 1))).convert("RGB")


def levels(file: Path) -> npt.NDArray[np.uint8]:
    with Image.open(file) as image:
        return np.asarray(image.convert("L"))


def test_small_pictures_keep_their_pixels_and_large_ones_are_averaged(tmp_path: Path) -> None:
    """As squares that can be told apart; and without patterns that are not in the picture."""
    small, _ = write_sheet(card_of(tmp_path, stripes(64)), tmp_path, tmp_path, step=1, timestamp_ms=1)
    assert np.array_equal(levels(small)[0], np.repeat(np.tile([0, 255], 32), 3))
    large, _ = write_sheet(card_of(tmp_path, stripes(384)), tmp_path, tmp_path, step=2, timestamp_ms=1)
    assert levels(large).shape == (192, 192)
    assert np.abs(levels(large)[:, 8:-8].astype(int) - 127).max() <= 2


def test_writing_again_replaces_and_another_checkpoint_has_names_of_its_own(tmp_path: Path) -> None:
    """The names that MLflow's step slider looks for: of the picture, and of its small copy."""
    number = uuid.uuid5(uuid.NAMESPACE_OID, "b01-000010")
    stem = f"samples+step+10+timestamp+1800000000123+{number}"
    card = card_of(tmp_path, stripes(64))
    for _ in range(2):
        files = write_sheet(card, tmp_path, tmp_path, step=10, timestamp_ms=1_800_000_000_123)
        assert [file.name for file in files] == [f"{stem}.png", f"{stem}+compressed.webp"]
    assert levels(files[1]).shape == (96, 96)
    assert len(list(tmp_path.glob("samples*"))) == 2
    other = card.model_copy(update={"checkpoint": "b02-000010"})
    write_sheet(other, tmp_path, tmp_path, step=10, timestamp_ms=1_800_000_000_123)
    assert len(list(tmp_path.glob("samples*"))) == 4


@pytest.mark.parametrize("drawn", [1_800_000_001, 1_800_000_777.5])
def test_a_sheet_has_the_time_at_which_it_was_drawn(output: Path, drawn: float) -> None:
    record = make_record(output / "demo", steps=1)
    for path in (output / "demo" / "images").iterdir():
        os.utime(path, (drawn, drawn))
    MlflowTracker(SETTINGS, output).sync(record, output / "demo")
    names = pictures(output, runs_in(output)["t002"].info.run_id)
    number = uuid.uuid5(uuid.NAMESPACE_OID, "b01-000010")
    stem = f"images/samples+step+10+timestamp+{int(drawn * 1000)}+{number}"
    assert names == [f"{stem}+compressed.webp", f"{stem}.png"]
