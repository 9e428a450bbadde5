"""Photos that have fewer pixels than train are told of."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from dbsweep.concepts.enlarged import enlarged_sentence
from dbsweep.concepts.framing import Framing
from dbsweep.config.concept import Concept
from dbsweep.plan.buckets import Size
from tests.concepts.plain import plain_concept


def concept(folder: Path, sizes: list[Size]) -> Concept:
    """Photos a.png, b.png, … of these sizes."""
    for name, size in zip("abcdef", sizes, strict=False):
        Image.new("RGB", size).save(folder / f"{name}.png")
    return plain_concept(folder)


SQUARE, LARGE, BUCKETS = Framing(resolution=64), Framing(resolution=128), Framing(resolution=64, buckets=True)


@pytest.mark.parametrize(
    ("sizes", "framings", "told"),
    [
        ([(64, 64), (300, 60)], [SQUARE], None),  # 60 to 64 does not show
        (
            [(64, 64), (300, 40)],
            [SQUARE],
            "1 of 2 photos is too small and enlarged to train, up to 1.6 times (b.png from",
        ),
        (
            [(32, 64), (16, 64)],
            [SQUARE],
            "2 of 2 photos are too small and enlarged to train, up to 4.0 times (b.png from",
        ),
        ([(64, 64)], [SQUARE, LARGE], "up to 2.0 times (a.png from 64×64 to 128×128 pixels)"),
        ([(80, 48)], [BUCKETS], None),  # whose short side is too short for the square
        ([(40, 24)], [BUCKETS], "up to 2.0 times (a.png from 40×24 to 80×48 pixels)"),
    ],
    ids=str,
)
def test_enlarged_photos(tmp_path: Path, sizes: list[Size], framings: list[Framing], told: str | None) -> None:
    sentence = enlarged_sentence(concept(tmp_path, sizes), framings)
    assert (sentence is None) == (told is None)
    assert told is None or (str(sentence).startswith("ohwx: ") and told in str(sentence))


def test_what_cannot_be_read_is_left_to_the_check_before_a_run(tmp_path: Path) -> None:
    given = concept(tmp_path, [(8, 8)])
    (tmp_path / "b.png").write_bytes(b"no picture")
    assert str(enlarged_sentence(given, [SQUARE])).startswith("ohwx: 1 of 2 photos is too small")
