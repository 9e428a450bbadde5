"""`dbsweep upscale`: pictures and folders of them, enlarged and with restored faces; gone on with, nothing replaced."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dbsweep.postprocess import upscaling
from dbsweep.postprocess.faces import FaceRestorer
from dbsweep.postprocess.image_models import ImageModel, load_upscaler
from dbsweep.postprocess.upscaling import Upscaler
from dbsweep.sampling.infotext import read, write_png
from dbsweep.sampling.request import ImageRequest
from dbsweep.sweep import postprocessing
from tests.postprocess.small_models import Knows, Pixels, compact, landmarks, noise, restoreformer, write_model

REQUEST = ImageRequest("photo of ohwx man", width=40, height=32)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_model(folder / "2x-small.safetensors", compact())
    write_model(folder / "2x-other.safetensors", compact(3))
    write_model(folder / "Restores.pth", restoreformer())
    (folder / "yunet.onnx").touch()
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the person stands: a folder `pics` of two drawn pictures, and a cache of hashes of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "pics").mkdir()
    for index, name in enumerate(("a", "b")):
        write_png(tmp_path / "pics" / f"{name}.png", noise(32, 40, index), REQUEST, "0123456789")
    return tmp_path


@pytest.fixture
def upscale(dbsweep, folder: Path, models: Path) -> Callable[..., tuple[int, str, str]]:
    """(exit code, stdout, stderr in one line) of `dbsweep upscale --upscaler 2x-small.safetensors WORDS`."""

    def call(*words: str | Path) -> tuple[int, str, str]:
        code, out, err = dbsweep("upscale", "--upscaler", models / "2x-small.safetensors", *words)
        return code, out, " ".join(err.split())

    return call


def pixels(path: Path) -> Pixels:
    with Image.open(path) as image:
        return np.asarray(image)


def texts(path: Path) -> dict[str, str]:
    with Image.open(path) as image:
        return {str(key): value for key, value in image.info.items()}


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_a_folder_is_enlarged_with_its_png_info(upscale, folder: Path, models: Path) -> None:
    before = {path: path.read_bytes() for path in (folder / "pics").iterdir()}
    code, out, err = upscale("pics")
    assert (code, out) == (0, "upscaled\n")
    assert err.startswith("Loading 2x-small.safetensors ")
    assert err.endswith("2 pictures written")
    assert sorted(path.name for path in (folder / "upscaled").iterdir()) == ["a.png", "b.png"]
    model = Upscaler(load_upscaler(models / "2x-small.safetensors", "cpu"), tile=0, overlap=0, note=print)
    for name in ("a.png", "b.png"):
        made = folder / "upscaled" / name
        assert np.array_equal(pixels(made), model.enlarge(pixels(folder / "pics" / name), 2))
        assert texts(made)["postprocessing"] == "Postprocess upscale by: 2, Postprocess upscaler: 2x-small"
        assert read(made) == read(folder / "pics" / name)
    assert {path: path.read_bytes() for path in (folder / "pics").iterdir()} == before


def test_single_pictures_go_to_the_folder_that_is_named_with_the_settings_that_are_asked(upscale, folder: Path) -> None:
    Image.fromarray(noise(30, 20)).save(folder / "photo.jpg")
    code, out, _ = upscale("pics/b.png", "photo.jpg", "pics/b.png", "--scale", 1.5, "--out", "large/ones")
    assert (code, out) == (0, "large/ones\n")
    assert {path.name: pixels(path).shape for path in (folder / "large" / "ones").iterdir()} == {
        "b.png": (48, 60, 3), "photo.png": (45, 30, 3),
    }  # fmt: skip
    assert texts(folder / "large" / "ones" / "photo.png")["postprocessing"].startswith("Postprocess upscale by: 1.5,")


def test_tiles_are_those_that_are_asked_for_and_told(upscale, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, whole = [], upscaling.run

    def run(model: ImageModel, tile: Pixels) -> Pixels:
        sizes.append(tile.shape[:2])
        return whole(model, tile)

    monkeypatch.setattr(upscaling, "run", run)
    Image.fromarray(noise(64, 120)).save(folder / "photo.png")
    _, _, err = upscale("photo.png", "--tile", 44, "--overlap", 4)
    assert sizes == [(34, 43)] * 6  # ceil((120 + 2 * 4) / 3) = 43, (64 + 4) / 2 = 34
    assert "0 of 6 tiles" in err


def test_what_is_there_is_not_made_again_and_what_is_missing_is(upscale, folder: Path) -> None:
    upscale("pics")
    (folder / "upscaled" / "a.png").unlink()
    before = stamps(folder / "upscaled")
    code, _, err = upscale("pics")
    assert (code, err.endswith(" 1 picture written, 1 there already")) == (0, True)
    after = stamps(folder / "upscaled")
    assert (after["b.png"], sorted(after)) == (before["b.png"], ["a.png", "b.png"])
    code, out, err = upscale("pics")
    assert (code, out, err) == (0, "upscaled\n", "0 pictures written, 2 there already")


@pytest.mark.parametrize(
    "words",
    [("--scale", 3), ("--tile", 64), ("--overlap", 8), ("--upscaler", "2x-other.safetensors")],
    ids=lambda words: words[0],
)
def test_what_was_made_in_another_way_is_not_replaced(words, upscale, folder: Path, models: Path) -> None:
    upscale("pics")
    before = stamps(folder / "upscaled")
    option, value = words
    code, _, err = upscale("pics", option, models / value if option == "--upscaler" else value)
    assert (code, err) == (
        2,
        "dbsweep: --out upscaled has a.png, b.png already, made from another picture or in another way: give another "
        "folder, or remove what is there",
    )
    assert stamps(folder / "upscaled") == before


def test_nor_is_what_was_made_of_another_picture_of_that_name(upscale, folder: Path) -> None:
    upscale("pics")
    write_png(folder / "pics" / "a.png", noise(32, 40, 7), REQUEST, "0123456789")
    code, _, err = upscale("pics")
    assert code == 2
    assert "--out upscaled has a.png already, made from another picture" in err


def test_a_source_is_never_written_over(upscale, folder: Path) -> None:
    before = (folder / "pics" / "a.png").read_bytes()
    code, _, err = upscale("pics/a.png", "--out", "pics")
    assert code == 2
    assert "--out pics has a.png already" in err
    assert (folder / "pics" / "a.png").read_bytes() == before


def test_nor_is_what_a_link_leads_to(upscale, folder: Path) -> None:
    (folder / "upscaled").mkdir()
    (folder / "upscaled" / "a.png").symlink_to(folder / "elsewhere.png")
    code, _, err = upscale("pics/a.png")
    assert code == 2
    assert "--out upscaled has a.png already" in err
    assert not (folder / "elsewhere.png").exists()


@pytest.mark.parametrize("name", ["a.jpg", "A.png", "sub/a.webp"])
def test_two_pictures_that_would_become_one_file_are_told(name: str, upscale, folder: Path) -> None:
    other = folder / "pics" / name
    other.parent.mkdir(exist_ok=True)
    Image.fromarray(noise(8, 8)).save(other)
    code, _, err = upscale("pics/a.png", f"pics/{name}")
    assert code == 2
    assert f"pics/a.png and pics/{name} would both become upscaled/{other.stem}.png: rename one" in err
    assert not (folder / "upscaled").exists()


def test_pictures_that_cannot_be_read_are_named_and_the_others_are_made(upscale, folder: Path) -> None:
    (folder / "pics" / "0.png").write_bytes((folder / "pics" / "a.png").read_bytes()[:900])
    (folder / "pics" / "c.jpg").write_text("no picture")
    (folder / "pics" / "d.png").symlink_to("nowhere.png")
    code, _, err = upscale("pics")
    assert code == 2
    assert "dbsweep: 3 of 5 pictures left out, the others are in upscaled" in err
    assert "picture pics/0.png cannot be read (" in err
    assert "picture pics/c.jpg cannot be read (not an image)" in err
    assert "picture pics/d.png cannot be read (No such file or directory)" in err
    assert sorted(path.name for path in (folder / "upscaled").iterdir()) == ["a.png", "b.png"]


def test_a_picture_that_no_program_could_open_is_left_out(upscale, folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3000)
    Image.fromarray(noise(60, 50)).save(folder / "pics" / "large.png")
    code, _, err = upscale("pics")
    assert code == 2
    assert "picture pics/large.png would have 12,000 pixels, which most programs refuse: give a smaller --scale" in err
    assert sorted(path.name for path in (folder / "upscaled").iterdir()) == ["a.png", "b.png"]


def test_an_interruption_is_told_with_how_to_go_on(upscale, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = upscaling.run

    def interrupted(model: ImageModel, tile: Pixels) -> Pixels:
        if any((folder / "upscaled").glob("*.png")):
            raise KeyboardInterrupt
        return whole(model, tile)

    with monkeypatch.context() as patch:
        patch.setattr(upscaling, "run", interrupted)
        code, out, err = upscale("pics")
    assert (code, out) == (130, "")
    assert "Stopped: all pictures in upscaled are whole, and the same command makes the rest." in err
    assert os.listdir(folder / "upscaled") == ["a.png"]
    assert upscale("pics")[2].endswith(" 1 picture written, 1 there already")


def test_a_folder_that_cannot_be_made_is_one_message(upscale, folder: Path) -> None:
    code, out, err = upscale("pics", "--out", "/proc/x")
    assert (code, out) == (2, "")
    assert "/proc/x cannot be written (No such file or directory): give another folder" in err


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EIO, "upscaled/b.png cannot be written (Input/output error): give another path"),
        (errno.ENOSPC, "no disk space left to write upscaled/b.png; free some"),
    ],
)
def test_a_disk_that_takes_no_more_is_one_message(
    number: int, message: str, upscale, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(temporary: Path, path: Path, replace=os.replace) -> None:
        if path.name == "b.png":
            raise OSError(number, os.strerror(number), temporary)
        replace(temporary, path)

    monkeypatch.setattr("os.replace", refuse)
    code, out, err = upscale("pics")
    assert (code, out) == (2, "")
    assert message in err
    assert [path.name for path in (folder / "upscaled").iterdir()] == ["a.png"]


def test_faces_are_restored_after_the_picture_was_enlarged(
    dbsweep, folder: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that has none is only enlarged, and told of."""
    pytest.importorskip("cv2")
    points = landmarks(0.05, 0.0, (40, 32))  # of the picture at its new size; a square of 26 pixels
    looks: list[Knows] = [Knows(80, points), Knows(80)]

    class InTurn:
        def __getattr__(self, name: str) -> object:
            return getattr(looks[0], name)

    def restore(self: FaceRestorer, picture: Pixels) -> tuple[Pixels, int]:
        made = whole(self, picture)
        looks.pop(0)
        return made

    whole = FaceRestorer.restore
    monkeypatch.setattr(FaceRestorer, "restore", restore)
    monkeypatch.setattr(postprocessing, "load_detector", lambda path, field: InTurn())
    faces = ("--restore-faces", models / "Restores.pth", "--face-detector", models / "yunet.onnx", "--visibility", 0.5)
    upscaler = ("--upscaler", models / "2x-small.safetensors")
    assert dbsweep("upscale", "pics", *upscaler, "--out", "plain")[0] == 0
    code, _, err = dbsweep("upscale", "pics", *upscaler, *faces)
    assert (code, "No face was found in 1 picture (b.png)" in err) == (0, True)
    changed = (pixels(folder / "upscaled" / "a.png") != pixels(folder / "plain" / "a.png")).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert (rows.min() >= 19, rows.max() <= 45, columns.min() >= 27, columns.max() <= 53) == (True,) * 4
    assert changed[26:38, 34:46].mean() > 0.9
    assert np.array_equal(pixels(folder / "upscaled" / "b.png"), pixels(folder / "plain" / "b.png"))
    assert texts(folder / "upscaled" / "a.png")["postprocessing"] == (
        "Postprocess upscale by: 2, Postprocess upscaler: 2x-small, RestoreFormer visibility: 0.5"
    )


def test_faces_alone_leave_the_size(dbsweep, folder: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cv2")
    monkeypatch.setattr(postprocessing, "load_detector", lambda path, field: Knows(40))
    faces = ("--restore-faces", models / "Restores.pth", "--face-detector", models / "yunet.onnx")
    code, _, err = dbsweep("upscale", "pics", *faces)
    assert (code, "0 of 2 pictures" in err) == (0, True)
    assert np.array_equal(pixels(folder / "upscaled" / "a.png"), pixels(folder / "pics" / "a.png"))
    assert texts(folder / "upscaled" / "a.png")["postprocessing"] == "RestoreFormer visibility: 1"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("pics",), "there is nothing to do: give --upscaler, --restore-faces or both"),
        (("pics", "--restore-faces", "R", "--scale", "2"), "--scale needs --upscaler"),
        (("pics", "--restore-faces", "R"), "--restore-faces needs --face-detector, the file that finds them"),
        (("pics", "--restore-faces", "R", "--face-detector", "none.onnx"), "--face-detector: there is no file 'none"),
        (("pics", "--upscaler", "none.pth"), "model file none.pth: cannot be read (No such file or directory)"),
        (("pics", "--upscaler", "U", "--tile", "8"), "--tile must be 0, for no tiles, or at least 32 pixels, got 8"),
        (("pics", "--upscaler", "U", "--overlap", "161"), "--overlap must be at most half of --tile, 160, got 161"),
        (("nowhere", "--upscaler", "U"), "there is no picture or folder 'nowhere': check the path"),
        (("empty", "--upscaler", "U"), "no photos in empty"),
        (("pics", "--upscaler", "U", "--out", "empty/file"), "empty/file cannot be a folder, for empty/file is a file"),
        (("pics", "--upscaler", "R"), "(RestoreFormer) restores faces and makes nothing larger"),
        (("pics", "--upscaler", "pics/a.png"), "--upscaler: pics/a.png is no model file"),
    ],
)
def test_what_cannot_be_done_is_one_message_and_nothing_is_written(
    words: tuple[str, ...], message: str, dbsweep, folder: Path, models: Path
) -> None:
    (folder / "empty").mkdir()
    (folder / "empty" / "file").touch()
    names = {"U": models / "2x-small.safetensors", "R": models / "Restores.pth"}
    code, out, err = dbsweep("upscale", *(names.get(word, word) for word in words))
    assert (code, out) == (2, "")
    assert message in " ".join(err.split())
    assert "Traceback" not in err
    assert not (folder / "upscaled").exists()


def test_without_opencv_it_is_said_how_to_get_it(dbsweep, folder: Path, models: Path, monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    faces = ("--restore-faces", models / "Restores.pth", "--face-detector", models / "yunet.onnx")
    code, _, err = dbsweep("upscale", "pics", *faces)
    assert code == 2
    assert "--restore-faces needs OpenCV for faces: pip install 'dbsweep[face]'" in " ".join(err.split())
