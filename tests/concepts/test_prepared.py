"""What is prepared trains as what it was made of would: the same pixels, masks cut alike, captions beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from dbsweep.concepts import heic
from dbsweep.concepts.caption_files import find_text
from dbsweep.concepts.mask_files import mask_file
from dbsweep.concepts.masks import cut_mask, read_mask
from dbsweep.concepts.photos import check_photos, list_photos, photo_size, read_photo, read_square
from dbsweep.concepts.preparation import Crop, Job, Preparation, refuse_same_names
from dbsweep.concepts.prepared import Prepared, prepare, sentences
from dbsweep.concepts.windows import Box
from dbsweep.errors import InputError

SIDE = 64
ASKED = Preparation(size=(SIDE, SIDE))


def picture(size: tuple[int, int] = (150, 100), mode: str = "RGB") -> Image.Image:
    """Coarse noise, so that every window is another."""
    noise = np.random.default_rng(sum(size)).integers(0, 256, (10, 15, 3), dtype=np.uint8)
    photo = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
    if mode == "I;16":
        return Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257)
    if mode == "RGBA":
        photo.putalpha(blob(size))
    return photo.convert(mode)


def blob(size: tuple[int, int] = (150, 100)) -> Image.Image:
    """White on the right, with a soft edge."""
    ramp = np.clip((np.arange(size[0]) - size[0] * 0.45) * 12, 0, 255).astype(np.uint8)
    return Image.fromarray(np.tile(ramp, (size[1], 1)))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def made(photo: Path, out: Path, **asked: object) -> Prepared:
    out.mkdir(exist_ok=True)
    return prepare(Job.of(photo, Preparation(**{"size": (SIDE, SIDE), **asked})), out)  # type: ignore[arg-type]


def turned(path: Path) -> Path:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    picture().save(path, exif=exif, quality=95)
    return path


@pytest.mark.parametrize("mode", ["RGB", "L", "I;16", "RGBA", "P", "1"])
@pytest.mark.parametrize("size", [(150, 100), (100, 151), (40, 33), (64, 64)])
def test_it_trains_with_the_pixels_of_the_photo_in_any_mode(source, out, mode, size):
    picture(size, mode).save(source / "a.png")
    assert made(source / "a.png", out).new == ("a.png",)
    assert (read_square(out / "a.png", SIDE) == read_square(source / "a.png", SIDE)).all()
    check_photos(list_photos(out))


def test_it_trains_with_the_pixels_of_a_photo_that_is_turned_and_of_one_with_a_profile(source, out):
    turned(source / "a.jpg")
    picture(mode="CMYK").save(source / "b.jpg", quality=95)
    for name in ("a", "b"):
        made(source / f"{name}.jpg", out)
        assert (read_square(out / f"{name}.png", SIDE) == read_square(source / f"{name}.jpg", SIDE)).all()


@pytest.mark.skipif(not heic.reads_heic(), reason="needs the extra heic")
def test_it_trains_with_the_pixels_of_a_phones_photo(source, out):
    picture().save(source / "a.heic", "HEIF", quality=90)
    made(source / "a.heic", out)
    assert (read_square(out / "a.png", SIDE) == read_square(source / "a.heic", SIDE)).all()


def test_another_shape_trains_with_the_pixels_of_its_bucket(source, out):
    picture().save(source / "a.png")
    made(source / "a.png", out, size=(80, 48))
    assert (read_photo(out / "a.png", (80, 48)) == read_photo(source / "a.png", (80, 48))).all()


def test_a_box_trains_as_if_it_had_been_cut_by_hand(source, out):
    picture().save(source / "a.png")
    box: Box = (20, 10, 91, 81)
    picture().crop(box).save(source / "by_hand.png")
    done = made(source / "a.png", out, boxes={"a.png": box}, split=True)
    assert (read_square(out / "a.png", SIDE) == read_square(source / "by_hand.png", SIDE)).all()
    # 71 · 71 of 150 · 100 pixels
    assert done.line == "a.png (150×100): the box, 66% left off, 1.1 times smaller → a.png"


@pytest.mark.parametrize("box", [(-1, 0, 10, 10), (0, 0, 151, 100), (10, 10, 10, 20)])
def test_a_box_that_does_not_lie_in_the_photo_is_refused(source, box):
    picture().save(source / "a.png")
    with pytest.raises(InputError, match=r"--box a\.png: .* does not lie in the photo, which has 150×100 pixels"):
        Job.of(source / "a.png", Preparation(boxes={"a.png": box}))


def test_a_mask_is_cut_and_mirrored_as_its_photo_is(source, out):
    picture().save(source / "a.jpg")
    blob().save(source / "a-masklabel.png")
    made(source / "a.jpg", out, flip=True)
    expected = cut_mask(source / "a.jpg", read_mask(source / "a.jpg"), (SIDE, SIDE))
    for name, turn in (("a", 1), ("a-flipped", -1)):
        photo = out / f"{name}.png"
        assert (read_square(photo, SIDE) == read_square(source / "a.jpg", SIDE)[:, ::turn]).all()
        assert cut_mask(photo, read_mask(photo), (SIDE, SIDE)) == pytest.approx(expected[:, ::turn], abs=1 / 255)
    assert [path.name for path in list_photos(out)] == ["a-flipped.png", "a.png"]


def test_little_of_the_subject_in_a_mask_is_not_none(source, out):
    picture((1500, 1500)).save(source / "a.png")
    mask = Image.new("L", (1500, 1500), 0)
    mask.putpixel((700, 700), 255)  # 255 / 23² is less than half a grey level
    mask.save(source / "a-masklabel.png")
    made(source / "a.png", out)
    assert np.count_nonzero(np.asarray(read_mask(out / "a.png"))) == 1


def test_what_is_transparent_stays_so(source, out):
    picture(mode="RGBA").save(source / "a.png")
    done = made(source / "a.png", out)
    assert done.mask == "transparency"
    expected = cut_mask(source / "a.png", read_mask(source / "a.png"), (SIDE, SIDE))
    shares = cut_mask(out / "a.png", read_mask(out / "a.png"), (SIDE, SIDE))
    assert (shares >= expected - 1 / 255).all()
    assert np.abs(shares - expected).mean() < 0.02
    assert shares[:, : SIDE // 4].max() == 0.0
    assert not mask_file(out / "a.png").exists()


@pytest.mark.parametrize("mask", [False, True])
def test_what_shows_nothing_is_left_out_and_said(source, out, mask):
    """Of three windows the first has one colour, or nothing that a mask leaves; a run would refuse such a photo."""
    photo = picture((300, 100))
    photo.paste((10, 20, 30), (0, 0, 0 if mask else 140, 100))
    photo.save(source / "a.png")
    if mask:
        blob((300, 100)).save(source / "a-masklabel.png")
    done = made(source / "a.png", out, split=True, overlap=0.0)
    assert (done.new, done.empty) == (("a-2.png", "a-3.png"), ("a-1.png",))
    why = "what the mask takes away" if mask else "one colour"
    assert f"a-1.png left out, where there is only {why} → a-2.png, a-3.png" in done.line
    assert not (out / "a-1.png").exists()
    check_photos(list_photos(out))


def test_a_long_photo_becomes_windows_side_by_side_of_which_each_has_its_caption(source, out):
    picture((100, 250)).save(source / "a.png")
    (source / "a.txt").write_text("a man,\nstanding\n", encoding="utf-8")
    done = made(source / "a.png", out, split=True, flip=True)
    # (2.5 - 0.2) / 0.8 = 2.9, so three windows.
    assert done.new == tuple(f"a-{number}{flip}.png" for number in (1, 2, 3) for flip in ("", "-flipped"))
    for number, place in ((1, 0.0), (2, 0.5), (3, 1.0)):
        expected = read_photo(source / "a.png", (SIDE, SIDE), place)
        assert (read_square(out / f"a-{number}.png", SIDE) == expected).all()
        assert (read_square(out / f"a-{number}-flipped.png", SIDE) == expected[:, ::-1]).all()
    assert {find_text(path) for path in list_photos(out)} == {"a man,\nstanding\n"}
    assert done.line == ("a.png (100×250): split into 3, 1.6 times smaller, caption → a-1.png … a-3-flipped.png (6)")


def test_names_of_ten_windows_and_more_are_in_order(source):
    picture((1000, 100)).save(source / "a.png")
    names = [piece.name for piece in Job.of(source / "a.png", Preparation(split=True)).pieces]
    assert len(names) > 10
    assert names == sorted(names)
    assert names[0] == "a-01.png"


def test_captions_of_every_kind_go_along(source, out):
    for name in "abc":
        picture().save(source / f"{name}.png")
    (source / "a.caption").write_text("of kohya's")
    (source / "metadata.jsonl").write_text('{"file_name": "b.png", "text": "of a folder"}\n')
    for name in "abc":
        made(source / f"{name}.png", out)
    assert [find_text(out / f"{name}.png") for name in "abc"] == ["of kohya's", "of a folder", None]


def test_a_whole_photo_is_made_small_and_never_enlarged(source, out):
    picture((300, 200)).save(source / "a.png")
    picture((50, 40)).save(source / "b.png")
    small, same = (made(source / name, out, crop=Crop.NONE) for name in ("a.png", "b.png"))
    assert small.line == "a.png (300×200): whole, 3.1 times smaller → a.png"
    assert same.line == "b.png (50×40): whole → b.png"
    assert photo_size(out / "a.png") == (96, 64)
    assert (read_photo(out / "b.png", (50, 40)) == read_photo(source / "b.png", (50, 40))).all()


def test_the_focal_point_decides_which_window_is_kept(source, out):
    photo = Image.new("RGB", (300, 100), (90, 120, 150))
    photo.paste(picture((60, 60)), (230, 20))
    photo.save(source / "a.png")
    done = made(source / "a.png", out, crop=Crop.FOCAL)
    assert done.line == "a.png (300×100): around what stands out, 67% left off, 1.6 times smaller → a.png"
    assert (read_square(out / "a.png", SIDE) == read_photo(source / "a.png", (SIDE, SIDE), 1.0)).all()


def test_what_is_there_is_not_made_again_and_what_was_made_otherwise_is(source, out):
    picture().save(source / "a.png")
    (source / "a.txt").write_text("a man")
    made(source / "a.png", out)
    before = (out / "a.png").stat().st_mtime_ns
    again = made(source / "a.png", out, flip=True)
    assert ((out / "a.png").stat().st_mtime_ns, again.new) == (before, ("a-flipped.png",))
    (out / "a.txt").write_text("a man of other words")
    last = made(source / "a.png", out, flip=True)
    assert (last.new, last.other_captions) == ((), ("a.txt",))
    assert last.line == "a.png (150×100): there already → a.png, a-flipped.png"
    assert (out / "a.txt").read_text() == "a man of other words"
    (told,) = sentences([last])
    assert told.startswith("1 caption that was there (a.txt) says something else than beside the photo, and is left so")


@pytest.mark.parametrize(
    "change",
    [
        {"size": (32, 32)},
        {"crop": Crop.NONE},
        {"crop": Crop.FOCAL},
        {"boxes": {"a.png": (0, 0, 90, 90)}},
    ],
)
def test_what_is_asked_for_otherwise_has_another_key(source, change):
    picture().save(source / "a.png")
    first = Job.of(source / "a.png", ASKED).key
    assert Job.of(source / "a.png", ASKED).key == first
    assert Job.of(source / "a.png", Preparation(**{"size": (SIDE, SIDE), **change})).key != first


def test_another_photo_or_mask_of_the_same_name_has_another_key(source):
    picture().save(source / "a.png")
    first = Job.of(source / "a.png", ASKED).key
    blob().save(source / "a-masklabel.png")
    masked = Job.of(source / "a.png", ASKED).key
    picture((151, 100)).save(source / "a.png")
    assert len({first, masked, Job.of(source / "a.png", ASKED).key}) == 3


def test_two_photos_that_would_become_one_picture_are_named(source):
    picture((300, 100)).save(source / "a.png")
    picture().save(source / "A-2.jpg")
    jobs = [Job.of(path, Preparation(split=True)) for path in list_photos(source)]
    with pytest.raises(InputError, match=r"A-2\.jpg and a\.png would both become a-2\.png: rename one of them"):
        refuse_same_names(jobs)


def test_what_was_enlarged_and_captions_that_a_mirror_makes_wrong_are_told(source, out):
    picture((40, 32)).save(source / "a.png")
    picture((32, 60)).save(source / "b.png")
    (source / "b.txt").write_text("a man looking Left")
    done = [made(source / f"{name}.png", out, flip=True) for name in "ab"]
    enlarged, sided = sentences(done)
    assert enlarged.startswith("2 photos of too few pixels are enlarged, up to 2.0 times (a.png): the blur is learned")
    assert sided == "1 caption (of b.png) says left or right, which is wrong of the mirrored copy: change it there"
    assert list(sentences([made(source / "a.png", out)])) == []
