"""Photos of which the crop leaves much off are told of."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from dbsweep.concepts.cropped import cropped_sentence
from dbsweep.concepts.framing import Framing
from dbsweep.plan.buckets import Size
from tests.concepts.plain import plain_concept

SQUARE, WINDOWS = Framing(resolution=64), Framing(resolution=64, crops=3)
BUCKETS = Framing(resolution=64, buckets=True)


@pytest.mark.parametrize(
    ("sizes", "framings", "told"),
    [
        ([(90, 60), (60, 90)], [SQUARE], None),
        (
            [(90, 60), (800, 100)],
            [SQUARE],
            "1 of 2 photos loses up to 88% to the crop (b.png, 800×100 pixels): only what is in its middle is taught",
        ),
        ([(90, 160), (100, 200)], [SQUARE], "2 of 2 photos lose up to 50% to the crop (b.png, 100×200 pixels): only"),
        ([(90, 160)], [WINDOWS], None),
        ([(90, 160)], [BUCKETS], None),
        ([(90, 160)], [BUCKETS, SQUARE], "1 of 1 photo loses up to 44% to the crop"),
    ],
    ids=str,
)
def test_cropped_photos(tmp_path: Path, sizes: list[Size], framings: list[Framing], told: str | None) -> None:
    for name, size in zip("ab", sizes, strict=False):
        Image.new("RGB", size).save(tmp_path / f"{name}.png")
    sentence = cropped_sentence(plain_concept(tmp_path), framings)
    assert (sentence is None) == (told is None)
    assert told is None or str(sentence).startswith(f"ohwx: {told}")
    assert told is None or "cut another window with `dbsweep photos`, or set train.aspect_ratio" in str(sentence)


def test_what_cannot_be_read_is_left_to_the_check_before_a_run(tmp_path: Path) -> None:
    Image.new("RGB", (800, 100)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    assert str(cropped_sentence(plain_concept(tmp_path), [SQUARE])).startswith("ohwx: 1 of 2 photos loses")
