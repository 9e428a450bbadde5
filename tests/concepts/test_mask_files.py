"""A mask is known by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.concepts.mask_files import is_mask, mask_file


@pytest.mark.parametrize("photo", ["IMG 01.HEIC", "IMG 01.jpg", "IMG 01.png"])
def test_a_mask_has_the_name_of_its_photo(photo: str) -> None:
    assert mask_file(Path("photos", photo)) == Path("photos/IMG 01-masklabel.png")
    assert is_mask(mask_file(Path(photo)))
    assert not is_mask(Path(photo))


@pytest.mark.parametrize(
    ("name", "told"),
    [("a-masklabel.jpg", True), ("a-MaskLabel.PNG", True), ("masklabel.png", False), ("a-masklabel-2.png", False)],
)
def test_a_mask_that_nobody_reads_is_no_photo_either(name: str, told: bool) -> None:
    assert is_mask(Path(name)) is told
