"""Photos are read as everywhere else and shown in batches; one that cannot be read keeps no other from its caption."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image

from dbsweep.captioning.looking import look_at
from dbsweep.errors import ResourceError


class Colours:
    """Says the size of a picture and the colour of its corner, with memory for some pictures."""

    says_tags = False

    def __init__(self, room: int = 99) -> None:
        self._room = room
        self.shown: list[int] = []

    def describe(self, images: Sequence[Image.Image]) -> list[tuple[str, ...]]:
        self.shown.append(len(images))
        if len(images) > self._room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return [(f"{image.mode} {image.size} {image.getpixel((0, 0))}",) for image in images]


def photos(folder: Path, count: int) -> list[Path]:
    paths = [folder / f"{place}.png" for place in range(count)]
    for place, path in enumerate(paths):
        Image.new("RGB", (4 + place, 4), "red").save(path)
    return paths


def test_batches_are_halved_where_memory_is_short(tmp_path: Path) -> None:
    captioner, paths = Colours(room=2), photos(tmp_path, 5)
    seen = [each for batch in look_at(captioner, paths, 4) for each in batch]
    assert [(each.photo, each.words) for each in seen] == [
        (path, (f"RGB ({4 + place}, 4) (255, 0, 0)",)) for place, path in enumerate(paths)
    ]
    assert captioner.shown == [4, 2, 2, 1]


def test_no_memory_for_one_photo_names_what_helps(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="while it looked at one photo; what helps: a smaller model, fewer --beams"):
        list(look_at(Colours(room=0), photos(tmp_path, 2), 4))


def test_photos_are_upright_and_on_white(tmp_path: Path) -> None:
    turned, clear = tmp_path / "turned.jpg", tmp_path / "clear.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 4), "black").save(turned, exif=exif)
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(clear)
    ((first, second),) = look_at(Colours(), [turned, clear], 2)
    assert first.words == ("RGB (4, 8) (0, 0, 0)",)
    assert second.words == ("RGB (4, 4) (255, 255, 255)",)


@pytest.mark.parametrize("size", [1, 3])
def test_one_that_cannot_be_read_is_told_and_passed_over(tmp_path: Path, size: int) -> None:
    paths = photos(tmp_path, 3)
    paths[1].write_bytes(b"")
    seen = [each for batch in look_at(Colours(), paths, size) for each in batch]
    assert [bool(each.words) for each in seen] == [True, False, True]
    assert [each.fault for each in seen] == [None, f"photo {paths[1]} cannot be read (an empty file)", None]
