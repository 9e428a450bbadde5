"""`dbsweep upscale`: what its options ask for, and what of them nothing would read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dbsweep.sweep.postprocessing import Postprocessing


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Sequence[Path], Path, Postprocessing]]:
    """What is asked of the sweep's room, which makes nothing."""
    asked: list[tuple[Sequence[Path], Path, Postprocessing]] = []

    def postprocess(paths: Sequence[Path], out: Path, what: Postprocessing, **_: Any) -> SimpleNamespace:
        asked.append((paths, out, what))
        return SimpleNamespace(new=1, there=0)

    monkeypatch.setattr("dbsweep.sweep.postprocessing.postprocess_pictures", postprocess)
    return asked


def test_what_is_not_said_is_what_the_room_has(dbsweep, calls) -> None:
    code, out, err = dbsweep("upscale", "a.png", "pics", "--upscaler", "u.pth")
    assert (code, out, err) == (0, "upscaled\n", "1 picture written\n")
    assert calls == [([Path("a.png"), Path("pics")], Path("upscaled"), Postprocessing(Path("u.pth"), None))]


def test_a_zero_that_is_said_is_no_default(dbsweep, calls) -> None:
    faces = ("--restore-faces", "r.pth", "--face-detector", "y.onnx", "--visibility", "0")
    assert (
        dbsweep("upscale", "pics", "--upscaler", "u.pth", "--scale", "3", "--tile", "0", *faces, "--out", "o")[0] == 0
    )
    assert dbsweep("upscale", "pics", "--upscaler", "u.pth", "--overlap", "0")[0] == 0
    first, second = (what for _, _, what in calls)
    files = {"restorer": Path("r.pth"), "detector": Path("y.onnx")}
    assert first == Postprocessing(Path("u.pth"), 3.0, tile=0, overlap=Postprocessing.overlap, visibility=0.0, **files)
    assert (second.tile, second.overlap) == (Postprocessing.tile, 0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--restore-faces", "R", "--tile", "64"), "--tile 64: is for --upscaler; add that, or leave it out"),
        (("--restore-faces", "R", "--overlap", "0"), "--overlap 0: is for --upscaler; add that, or leave it"),
        (("--upscaler", "U", "--tile", "0", "--overlap", "8"), "--overlap 8: is what tiles share, and --tile"),
        (("--upscaler", "U", "--face-detector", "y"), "--face-detector y: is for --restore-faces; add that"),
        (("--upscaler", "U", "--visibility", "0"), "--visibility 0.0: is for --restore-faces; add that, or"),
        (("--upscaler", "U", "--scale", "0"), "--scale"),
        (("--upscaler", "U", "--visibility", "2"), "--visibility"),
    ],
)
def test_what_nothing_would_read_or_lies_out_of_bounds_is_refused(
    dbsweep, calls, words: tuple[str, ...], message: str
) -> None:
    code, out, err = dbsweep("upscale", "pics", *words)
    assert (code, out, calls) == (2, "", [])
    assert message in " ".join(err.split())
