"""`dbsweep draw`: what its options ask for, what of them nothing would read, and what it says when it has drawn."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dbsweep.sampling.settings import DrawSettings
from dbsweep.sweep.drawing import Asked


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[SimpleNamespace]:
    """What is asked of the sweep's room, which draws nothing."""
    asked: list[SimpleNamespace] = []

    def draw(model: str, runs: Path, out: Path, what: Asked, **options: Any) -> SimpleNamespace:
        asked.append(SimpleNamespace(model=model, runs=runs, out=out, asked=what, batch_size=options["batch_size"]))
        return SimpleNamespace(new=1000, there=len(asked) - 1)

    monkeypatch.setattr("dbsweep.sweep.drawing.draw_pictures", draw)
    return asked


def test_what_is_not_said_is_left_to_the_run(dbsweep, calls) -> None:
    assert dbsweep("draw", "demo", "--prompt", "a man", "--out", "pics")[0] == 0
    (call,) = calls
    assert (call.model, call.runs, call.out, call.batch_size) == ("demo", Path("runs"), Path("pics"), 8)
    assert call.asked == Asked(["a man"], (), (), False, False, DrawSettings())


def test_every_option_reaches_its_setting(dbsweep, calls) -> None:
    words = {
        "--negative-prompt": "ink",
        "--images-per-prompt": 3,
        "--seed": 7,
        "--guidance-scale": 5.5,
        "--num-inference-steps": 9,
        "--sampler": "Euler",
        "--width": 64,
        "--height": 128,
        "--clip-skip": 2,
        "--hires-scale": 2.0,
        "--hires-steps": 0,
        "--denoising": 0.5,
        "--hires-upscaler": "lanczos",
    }
    flags = ("--tiling", "--matrix", "--iterate-seed")
    assert dbsweep("draw", "demo", "--prompt", "a|b", "--out", "p", *sum(words.items(), ()), *flags)[0] == 0
    settings = DrawSettings("ink", 3, 7, 5.5, 9, "Euler", 64, 128, 2, True, 2.0, 0, 0.5, "lanczos")
    assert calls[0].asked == Asked(["a|b"], (), (), True, True, settings)


@pytest.mark.parametrize(("words", "tiling"), [((), None), (("--tiling",), True), (("--no-tiling",), False)])
def test_tiling_is_yes_no_or_as_the_png_says(dbsweep, calls, words: tuple[str, ...], tiling: bool | None) -> None:
    assert dbsweep("draw", "demo", "--from", "a.png", "--out", "pics", *words)[0] == 0
    assert calls[0].asked.settings.tiling is tiling


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--prompt", "a", "--tiling", "--no-tiling"), "--tiling and --no-tiling exclude each other"),
        (("--prompt", "a", "--no-tiling"), "--no-tiling: is for what a PNG of --from says, and nothing else tiles"),
        (("--from", "a.png", "--matrix"), "--matrix: is for prompts, and a PNG of --from has one of its own; leave it"),
        (("--from", "a.png", "--iterate-seed"), "--iterate-seed: is for prompts, and a PNG of --from has one of its"),
        (
            ("--prompt", "a", "--negative-prompt", "ink", "--cfg-scale", "1"),
            "--negative-prompt ink: is not read at --cfg-scale 1; give more, or leave it out",
        ),
    ],
)
def test_what_nothing_would_read_is_refused(dbsweep, calls, words: tuple[str, ...], message: str) -> None:
    code, out, err = dbsweep("draw", "demo", "--out", "pics", *words)
    assert (code, out, calls) == (2, "", [])
    assert message in " ".join(err.split())


@pytest.mark.parametrize(
    "words",
    [
        ("--from", "a.png", "--prompt", "a", "--matrix"),
        ("--from", "a.png", "--prompts", "a.txt", "--iterate-seed"),
        ("--prompts", "a.txt", "--negative-prompt", "ink", "--cfg-scale", "1"),  # a line may have a scale of its own
        ("--prompt", "a", "--negative-prompt", "", "--cfg-scale", "1"),
    ],
)
def test_what_something_may_read_is_taken(dbsweep, calls, words: tuple[str, ...]) -> None:
    assert dbsweep("draw", "demo", "--out", "pics", *words)[0] == 0
    assert len(calls) == 1


def test_the_folder_is_the_answer_and_what_was_there_is_counted(dbsweep, calls) -> None:
    words = ("draw", "demo", "--prompt", "a", "--out", "pics")
    assert [dbsweep(*words)[1:] for _ in range(2)] == [
        ("pics\n", "1,000 pictures drawn\n"),
        ("pics\n", "1,000 pictures drawn, 1 there already\n"),
    ]
