"""Photos are found, checked and read as squares; what cannot be used is named with its fix."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from dbsweep.concepts import heic
from dbsweep.concepts.photos import check_photos, list_photos, read_square
from dbsweep.errors import InputError


def photo(path: Path, size: tuple[int, int] = (20, 10), colour: object = (200, 30, 40), mode: str = "RGB") -> Path:
    Image.new(mode, size, colour).save(path)  # type: ignore[arg-type]
    return path


def shaded(path: Path) -> Path:
    """A photo with something on it."""
    Image.linear_gradient("L").resize((20, 10)).save(path)
    return path


def test_photos_are_listed_by_name_without_masks_captions_and_hidden_files(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "c.webp", ".hidden.png"):
        photo(tmp_path / name)
    (tmp_path / "a.txt").write_text("a caption")
    photo(tmp_path / "a-masklabel.png", mode="L", colour=255)
    (tmp_path / "._e.HEIC").touch()  # macOS leaves these on disks of other systems
    (tmp_path / "d.png").mkdir()
    assert [path.name for path in list_photos(tmp_path)] == ["a.jpg", "b.PNG", "c.webp"]


def test_a_picture_that_has_been_converted_may_stay_beside_its_photo(tmp_path: Path) -> None:
    for name in ("a.HEIC", "a.png", "b.cr2", "b.JPG"):
        (tmp_path / name).touch()
    assert [path.name for path in list_photos(tmp_path)] == ["a.png", "b.JPG"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (None, r"photo folder .*x does not exist: give the folder"),
        ([], r"no photos in .*x: put some there \(\.apng, .*\.webp\)"),
        (["notes.txt"], r"no photos in .*x: put some there"),
        (["a-masklabel.png"], r"no photos in .*x: put some there"),
        (["masks/a-masklabel.png"], r"no photos in .*x: put some there \(\.apng, .*\.webp\)$"),
        (["20_ohwx man/1.png"], r"not looked for in its folders, such as 20_ohwx man: give that one"),
        (
            ["a.png", "b.HEIC", "c.dng"],
            r"cannot be read \(b\.HEIC, c\.dng\): convert them to PNG, or pip install 'dbsweep\[heic\]' to read HEIC$",
        ),
        (["a.png", "b.heic", "b.jpg", "c.HIF"], r"cannot be read \(c\.HIF\): convert them to PNG$"),
        (["a.png", "b.CR3", "c.jxl"], r"cannot be read \(b\.CR3, c\.jxl\): convert them to PNG"),
    ],
)
def test_a_folder_without_photos_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[str] | None, message: str
) -> None:
    monkeypatch.setattr(heic, "reads_heic", lambda: False)
    folder = tmp_path / "x"
    for name in files or []:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    if files == []:
        folder.mkdir()
    with pytest.raises(InputError, match=message):
        list_photos(folder)


def test_names_in_another_encoding_are_to_be_changed(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / os.fsdecode(b"M\xe4dchen.png")).touch()
    with pytest.raises(InputError, match=r"photos whose names are not UTF-8 text \(M\\xe4dchen\.png\): rename them"):
        list_photos(tmp_path)


def test_folders_that_may_not_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> Iterator[Path]:
        if path.name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    listed = Path.iterdir
    (tmp_path / "closed").mkdir()
    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(InputError, match=r"closed cannot be read \(no permission\): give one that you may read"):
        list_photos(tmp_path / "closed")
    with pytest.raises(InputError, match=r"no photos in .*: put some there"):
        list_photos(tmp_path)


def test_a_photo_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.png is a file, not a folder"):
        list_photos(photo(tmp_path / "a.png"))


def test_every_bad_photo_is_named_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    rng = np.random.default_rng(0)
    shaded(tmp_path / "0good.png")
    (tmp_path / "1text.jpg").write_text("not a photo")
    Image.fromarray(rng.integers(0, 256, (30, 30, 3), dtype=np.uint8)).save(tmp_path / "2cut.png")
    Image.fromarray(rng.integers(0, 256, (30, 30, 3), dtype=np.uint8)).save(tmp_path / "3cut.jpg")
    for name in ("2cut.png", "3cut.jpg"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    (tmp_path / "4empty.png").write_bytes(b"")
    photo(tmp_path / "5bomb.png", (40, 40))
    photo(tmp_path / "7flat.png")
    (tmp_path / "6gone.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(InputError) as caught:
        check_photos(list_photos(tmp_path))
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith("replace or remove them")
    assert "0good" not in message
    for fault in (
        "1text.jpg cannot be read (not an image)",
        "2cut.png cannot be read (",
        "3cut.jpg cannot be read (",
        "4empty.png cannot be read (an empty file)",
        "5bomb.png cannot be read (more than 1,000 pixels)",
        "6gone.png cannot be read (its link leads nowhere)",
        "7flat.png shows nothing but one flat colour",
    ):
        assert fault in message


def test_a_bad_photo_is_an_error_when_read_too(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("text")
    with pytest.raises(InputError, match=r"photo .*a\.png cannot be read \(not an image\)"):
        read_square(tmp_path / "a.png", 8)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_grey_of_32_bits_is_not_guessed_at(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (8, 8), 1).save(tmp_path / "a.tif")  # in float white, in whole numbers next to black
    with pytest.raises(InputError, match=r"a\.tif cannot be read \(32 bits a pixel; save it with 8 or 16\)"):
        check_photos([tmp_path / "a.tif"])


def test_browsers_jfif_files_are_photos(tmp_path: Path) -> None:
    shaded(tmp_path / "a.png").rename(tmp_path / "a.jfif")
    check_photos(list_photos(tmp_path))


@pytest.mark.parametrize("name", ["a.avif", "a.jp2", "a.mpo", "a.apng"])
def test_what_phones_cameras_and_web_pages_save_is_read(tmp_path: Path, name: str) -> None:
    Image.linear_gradient("L").convert("RGB").save(tmp_path / name, "PNG" if name == "a.apng" else None)
    check_photos(list_photos(tmp_path))
    assert 0 < np.abs(read_square(tmp_path / name, 8).astype(int) - np.linspace(16, 240, 8)[:, None, None]).max() < 8


def test_good_photos_pass(tmp_path: Path) -> None:
    check_photos([shaded(tmp_path / "a.png"), shaded(tmp_path / "b.jpg")])


@pytest.mark.parametrize(("mode", "colour"), [("L", 128), ("RGB", (200, 30, 40)), ("RGBA", (200, 30, 40, 0))])
def test_a_photo_of_one_colour_is_named(tmp_path: Path, mode: str, colour: object) -> None:
    paths = [shaded(tmp_path / "a.png"), photo(tmp_path / "b.png", mode=mode, colour=colour)]
    with pytest.raises(InputError, match=r"^photo .*b\.png shows nothing but one flat colour: replace or remove it$"):
        check_photos(paths)


@pytest.mark.parametrize(("spread", "file"), [(2, "b.png"), (5, "b.png"), (5, "b.jpg")])
def test_a_photo_of_one_colour_and_noise_is_named(tmp_path: Path, spread: int, file: str) -> None:
    """As with the cap on the lens."""
    noise = np.random.default_rng(0).normal((40, 60, 50), spread, (256, 256, 3)).clip(0, 255).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / file)
    with pytest.raises(InputError, match=rf"^photo .*{file} shows nothing but one flat colour"):
        check_photos([tmp_path / file])


def test_a_faint_photo_is_none_of_one_colour(tmp_path: Path) -> None:
    """A face in fog: four grey levels from end to end, less than the noise above."""
    fog = Image.linear_gradient("L").point(lambda level: 200 + level // 64)
    fog.save(tmp_path / "a.png")
    flat = Image.new("L", fog.size, 200)
    Image.merge("RGB", (fog, flat, flat)).save(tmp_path / "b.png")  # of one channel alone
    check_photos([tmp_path / "a.png", tmp_path / "b.png"])


def test_the_square_is_the_centre(tmp_path: Path) -> None:
    pixels = np.zeros((10, 30, 3), dtype=np.uint8)
    pixels[:, 10:20] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    square = read_square(tmp_path / "a.png", 8)
    assert square.shape == (8, 8, 3)
    assert square.dtype == np.uint8
    assert square.min() > 240  # Lanczos looks a little beyond the edge


def test_what_is_finer_than_the_square_is_averaged(tmp_path: Path) -> None:
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    Image.fromarray(board).save(tmp_path / "a.png")
    assert np.abs(read_square(tmp_path / "a.png", 8).astype(int) - 127).max() <= 2


def test_a_palette_s_transparent_colour_is_white(tmp_path: Path) -> None:
    Image.new("P", (8, 8), 0).save(tmp_path / "a.png", transparency=0)
    assert read_square(tmp_path / "a.png", 4).min() == 255


def test_the_photo_is_turned_upright(tmp_path: Path) -> None:
    pixels = np.zeros((16, 16, 3), dtype=np.uint8)
    pixels[:8] = 255  # white above
    exif = Image.Exif()
    exif[0x0112] = 3  # shot upside down
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    square = read_square(tmp_path / "a.png", 16)
    assert (square[0].max(), square[-1].min()) == (0, 255)


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("L", 100, (100, 100, 100)),
        ("I;16", 100 * 256 + 7, (100, 100, 100)),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), (255, 255, 255)),
        ("LA", (10, 0), (255, 255, 255)),
        ("1", 1, (255, 255, 255)),
    ],
)
def test_all_modes_become_rgb(tmp_path: Path, mode: str, colour: object, expected: tuple[int, ...]) -> None:
    square = read_square(photo(tmp_path / "a.png", colour=colour, mode=mode), 4)
    assert square.reshape(-1, 3).tolist() == [list(expected)] * 16


@pytest.mark.parametrize(
    ("name", "mode", "colour"),
    [("a.png", "RGB", (200, 30, 40)), ("a.png", "RGBA", (200, 30, 40, 255)), ("a.tif", "P", (200, 30, 40))],
)
def test_colours_are_what_the_photos_profile_means(
    tmp_path: Path, name: str, mode: str, colour: tuple[int, ...]
) -> None:
    """A profile in which red and green have changed places."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"____").replace(b"gXYZ", b"rXYZ").replace(b"____", b"gXYZ")

    def seen(profile: bytes | None) -> list[int]:
        Image.new(mode, (8, 8), colour).save(tmp_path / name, icc_profile=profile)
        return [int(level) for level in read_square(tmp_path / name, 4)[0, 0]]

    assert seen(None) == seen(srgb) == [200, 30, 40]
    assert np.abs(np.subtract(seen(swapped), [30, 200, 40])).max() <= 1


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_profile_that_cannot_be_used_is_passed_over(tmp_path: Path, mode: str) -> None:
    """Of greys and inks with a profile of screens, or cut off."""
    grey = Image.new("L", (8, 8), 100).convert(mode)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    grey.save(tmp_path / "a.tif", icc_profile=srgb[:100] if mode == "RGB" else srgb)
    assert read_square(tmp_path / "a.tif", 4).reshape(-1, 3).tolist() == [[100, 100, 100]] * 16
