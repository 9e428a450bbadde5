"""The sheet of a checkpoint's pictures."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from dbsweep.tracking.mlflow_log import MlflowTracker
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
