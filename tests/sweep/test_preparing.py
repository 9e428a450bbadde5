"""A folder of photos becomes a folder of pictures, and nothing that is there is lost; or it is only looked at."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from dbsweep.concepts.face import Face
from dbsweep.concepts.photos import read_photo, read_square
from dbsweep.concepts.preparation import Crop, Preparation
from dbsweep.errors import InputError
from dbsweep.sweep.preparing import Outcome, look_at_photos, prepare_photos
from tests.three_photos import write_three_photos

SMALL = Preparation(size=(64, 64))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_three_photos(tmp_path / "photos")


def prepare(source: Path, out: Path, asked: Preparation = SMALL, detector: Path | None = None) -> Outcome:
    return prepare_photos(source, out, asked, lambda done, total: None, detector)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_there_is_not_made_again_and_every_photo_is_counted(source: Path, tmp_path: Path) -> None:
    counts: list[tuple[int, int]] = []
    done = prepare_photos(source, tmp_path / "out", SMALL, lambda *count: counts.append(count)).done
    assert [(each.new, each.there) for each in done] == [((f"{i}.png",), ()) for i in range(3)]
    assert counts == [(0, 3), (1, 3), (2, 3), (3, 3)]
    again = prepare(source, tmp_path / "out").done
    assert [(each.new, each.there) for each in again] == [((), (f"{i}.png",)) for i in range(3)]


def test_faults_are_gathered_and_the_others_are_prepared(source: Path, tmp_path: Path) -> None:
    (source / "0.png").write_text("no photo")
    Image.new("L", (10, 10), 255).save(source / "2-masklabel.png")
    counts: list[tuple[int, int]] = []
    outcome = prepare_photos(source, tmp_path / "out", SMALL, lambda *count: counts.append(count))
    first, second = outcome.faults
    assert "0.png cannot be read (not an image)" in first
    assert "2-masklabel.png has 10×10 pixels" in second
    assert (names(tmp_path / "out"), counts[-1]) == (["1.png"], (2, 2))


def test_a_caption_file_of_the_folder_that_cannot_be_read_is_told_once(source: Path, tmp_path: Path) -> None:
    (source / "metadata.jsonl").write_text("no JSON")
    (fault,) = prepare(source, tmp_path / "out").faults
    assert "cannot be read as JSON" in fault


@pytest.mark.parametrize(
    ("destination", "message"),
    [
        ("photos", "is the folder of the photos: give another one"),
        ("photos/../photos", "is the folder of the photos: give another one"),
        ("link", "is the folder of the photos: give another one"),
        ("photos/out", r"out lies in .*photos: give two folders"),
        (".", r"photos lies in "),
        ("photos/0.png/out", "lies in "),
        ("file/out", "file is a file: give another"),
    ],
)
def test_folders_that_are_not_two_are_refused(source: Path, tmp_path: Path, destination: str, message: str) -> None:
    (tmp_path / "link").symlink_to(source)
    (tmp_path / "file").touch()
    before = names(source)
    with pytest.raises(InputError, match=message):
        prepare(source, tmp_path / destination)
    assert names(source) == before


@pytest.mark.parametrize("name", ["1.png", "1-masklabel.png"], ids=["a picture", "a mask"])
def test_pictures_of_others_are_never_overwritten(source: Path, tmp_path: Path, name: str) -> None:
    Image.new("L", (100, 250), 255).save(source / "1-masklabel.png")
    out = tmp_path / "out"
    out.mkdir()
    Image.new("RGB", (8, 8), "red").save(out / name)
    before = (out / name).read_bytes()
    told = rf"out has pictures of these names already that were made otherwise or of other photos \({name}\), and"
    with pytest.raises(InputError, match=told):
        prepare(source, out)
    assert (names(out), (out / name).read_bytes()) == ([name], before)
    (out / name).unlink()
    prepare(source, out)
    with pytest.raises(InputError, match=r" \(0\.png, 1\.png, "):
        prepare(source, out, Preparation(size=(96, 96)))


def test_a_mask_that_nobody_asks_for_is_nobodys(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    Image.new("L", (8, 8), 255).save(tmp_path / "out" / "1-masklabel.png")
    assert prepare(source, tmp_path / "out").faults == ()


def test_what_is_left_of_an_earlier_command_is_told_and_own_pictures_are_not(source: Path, tmp_path: Path) -> None:
    mask = source / "0-masklabel.png"
    Image.new("L", (150, 100), 255).save(mask)
    assert prepare(source, tmp_path / "out").left == ()
    Image.new("RGB", (8, 8)).save(tmp_path / "out" / "own.png")
    for gone in (source / "0.png", mask):  # of the pictures in the folder a mask is none
        gone.unlink()
    assert prepare(source, tmp_path / "out").left == ("0.png",)


def test_a_box_of_a_photo_that_is_not_there_is_refused_with_the_nearest_name(source: Path, tmp_path: Path) -> None:
    asked = Preparation(size=(64, 64), boxes={"0.pgn": (1, 2, 3, 4)})
    with pytest.raises(InputError, match=r"--box 0\.pgn: there is no such photo in .*photos; did you mean .*0\.png"):
        prepare(source, tmp_path / "out", asked)
    assert not (tmp_path / "out").exists()


def test_a_photo_with_a_box_that_cannot_be_read_ends_it(source: Path, tmp_path: Path) -> None:
    """Somebody has looked at this very photo: the others alone are not what was asked for."""
    (source / "0.png").write_text("no photo")
    with pytest.raises(InputError, match=r"0\.png cannot be read"):
        prepare(source, tmp_path / "out", Preparation(size=(64, 64), boxes={"0.png": (0, 0, 8, 8)}))
    assert not (tmp_path / "out").exists()


def test_faces_are_found_by_the_network_that_is_named(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the lower end of a tall photo; another network may find others, and its pictures are others."""

    def load(path, field):
        assert (path, field) == (network, "--face-detector")
        return lambda photo: [Face(30, 140, 40, 40, ((40, 155), (60, 155)), (50, 165))] if len(photo) > 200 else []

    monkeypatch.setattr("dbsweep.concepts.face_finder.load_finder", load)
    network, asked = tmp_path / "yunet.onnx", Preparation(size=(64, 64), crop=Crop.FOCAL)
    network.write_bytes(b"a network")
    done = prepare(source, tmp_path / "out", asked, network).done
    assert [each.around for each in done[:2]] == ["what stands out, for no face is found", "its face"]
    expected = read_photo(source / "1.png", (64, 64), (153.2 - 50) / 150)
    assert (read_square(tmp_path / "out" / "1.png", 64) == expected).all()
    assert prepare(source, tmp_path / "out", asked, network).done[0].new == ()
    network.write_bytes(b"another")
    with pytest.raises(InputError, match=r"made otherwise or of other photos \(0\.png, 1\.png"):
        prepare(source, tmp_path / "out", asked, network)


def test_a_network_without_windows_to_place_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--face-detector finds what windows lie around: add --crop focal"):
        prepare(source, tmp_path / "out", SMALL, tmp_path / "yunet.onnx")


def test_photos_are_looked_at_but_for_their_mirrored_copies(source: Path) -> None:
    """A copy is one whose photo is there; a name alone makes none."""
    for name in ("0-flipped.png", "9-flipped.png"):
        (source / name).write_bytes((source / "0.png").read_bytes())
    counts: list[tuple[int, int]] = []
    looks = look_at_photos(source, lambda *count: counts.append(count))
    assert [look.name for look in looks] == ["0.png", "1.png", "2.png", "9-flipped.png"]
    assert (counts[0], counts[-1]) == ((0, 4), (4, 4))


def test_a_photo_that_cannot_be_looked_at_is_named(source: Path) -> None:
    (source / "1.png").write_text("no photo")
    with pytest.raises(InputError, match=r"1\.png cannot be read \(not an image\): mend or remove it$"):
        look_at_photos(source, lambda done, total: None)
