"""`dbsweep photos` makes pictures in another folder, tells what it did, and goes on where it was interrupted."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dbsweep.concepts.face import Face
from dbsweep.concepts.files import write_whole
from tests.three_photos import write_three_photos


@pytest.fixture
def source(tmp_path):
    return write_three_photos(tmp_path / "photos")


def pictures(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_photos_are_prepared_and_told_one_by_one(dbsweep, source, tmp_path):
    words = ("photos", source, tmp_path / "out", "--size", "64", "--split", "--flip", "--box", "0.png=10,20,80")
    code, out, err = dbsweep(*words)
    assert code == 0
    assert out.splitlines() == [
        "0.png (150×100): the box, 57% left off, 1.2 times smaller → 0.png, 0-flipped.png",
        "1.png (100×250): split into 3, 1.6 times smaller → 1-1.png … 1-3-flipped.png (6)",
        "2.png (96×96): whole, 1.5 times smaller → 2.png, 2-flipped.png",
    ]
    assert err.splitlines()[-1] == f"3 photos prepared: 10 pictures made in {tmp_path / 'out'}"
    assert len(pictures(tmp_path / "out")) == 10
    code, out, err = dbsweep(*words)
    assert (code, out.count("there already")) == (0, 3)
    assert "0 pictures made in" in err
    assert "10 there already" in err


def test_an_interrupted_command_leaves_whole_pictures_and_goes_on(dbsweep, source, tmp_path, monkeypatch):
    def interrupt(path, content):
        if path.name == "1.png":
            raise KeyboardInterrupt
        write_whole(path, content)

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("dbsweep.concepts.prepared.write_whole", interrupt)
        code, _, err = dbsweep("photos", source, out, "--size", "64")
    assert (code, pictures(out)) == (130, ["0.png"])
    assert "the same command makes the rest" in err
    code, told, _ = dbsweep("photos", source, out, "--size", "64")
    assert (code, pictures(out)) == (0, ["0.png", "1.png", "2.png"])
    assert told.count("there already") == 1


def test_a_photo_that_cannot_be_read_is_named_and_the_others_are_prepared(dbsweep, source, tmp_path):
    (source / "1.png").write_text("no photo")
    Image.new("L", (10, 10), 255).save(source / "2-masklabel.png")
    code, out, err = dbsweep("photos", source, tmp_path / "out", "--size", "64")
    assert code == 2
    assert out.startswith("0.png (150×100): the middle")
    assert pictures(tmp_path / "out") == ["0.png"]
    assert "1.png cannot be read (not an image); mask" in err
    assert "2-masklabel.png has 10×10 pixels" in err
    assert "mend or remove them, and the same command makes the rest" in err


@pytest.mark.parametrize("place", ["x", "self/x/y"])
def test_a_folder_that_cannot_be_made_is_one_message(dbsweep, source, place):
    code, out, err = dbsweep("photos", source, Path("/proc", place))
    assert (code, out) == (2, "")
    assert err == f"dbsweep: /proc/{place} cannot be written (No such file or directory): give another folder\n"


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EIO, "1.png cannot be written (Input/output error): give another path"),
        (errno.EROFS, "1.png cannot be written (Read-only file system): give another path"),
        (errno.ENOSPC, "no space left for"),
    ],
)
def test_a_disk_that_takes_no_more_ends_it_and_what_is_made_is_whole(
    dbsweep, source, tmp_path, monkeypatch, number, message
):
    def refuse(part, path, replace=os.replace):
        if path.name == "1.png":
            raise OSError(number, os.strerror(number), part)
        replace(part, path)

    monkeypatch.setattr("os.replace", refuse)
    code, out, err = dbsweep("photos", source, tmp_path / "out", "--size", "64")
    assert (code, out) == (2, "")
    assert message in err
    assert pictures(tmp_path / "out") == ["0.png"]


def test_a_caption_that_cannot_be_written_is_one_message(dbsweep, source, tmp_path):
    (source / "0.txt").write_text("a man")
    (tmp_path / "out" / "0.txt").mkdir(parents=True)
    code, _, err = dbsweep("photos", source, tmp_path / "out", "--size", "64")
    assert code == 2
    assert f"{tmp_path / 'out' / '0.txt'} cannot be written (Is a directory): give another path" in err


def test_a_photo_of_a_long_name_is_prepared_unless_a_file_would_have_too_long_a_one(dbsweep, source, tmp_path):
    name = f"{'n' * 241}.png"
    (source / "0.png").rename(source / name)
    assert dbsweep("photos", source, tmp_path / "out", "--size", "64")[0] == 0
    assert pictures(tmp_path / "out") == ["1.png", "2.png", name]
    (source / name).rename(source / f"n{name}")
    code, _, err = dbsweep("photos", source, tmp_path / "more", "--size", "64")
    assert code == 2
    assert "-masklabel.png is too long a name (File name too long): give a shorter one" in err


def test_what_an_earlier_command_has_made_and_this_one_would_not_is_told(dbsweep, source, tmp_path):
    out = tmp_path / "out"
    assert "will train too" not in dbsweep("photos", source, out, "--size", "64")[2]
    Image.new("RGB", (8, 8)).save(out / "own.png")
    (source / "0.png").unlink()
    code, _, err = dbsweep("photos", source, out, "--size", "64", "--split")
    assert code == 0
    assert "note: 2 pictures in" in err
    assert (
        "(0.png, 1.png) will train too, made by an earlier command and not by this one: remove what should not" in err
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--size", "500"), "--size must be pixels, multiples of 8 from 32 to 2048, such as 512 or 512x768, got '500'"),
        (("--size", "512x"), "got '512x'"),
        (("--size", ""), "got ''"),
        (("--threshold", "0.3"), "--threshold 0.3: is for photos that are split; add --split, or leave it out"),
        (("--overlap", "0", "--crop", "focal"), "--overlap 0.0: is for photos that are split; add --split, or"),
        (("--edges-weight", "1"), "--edges-weight 1.0: is for what stands out; add --crop focal, or leave it out"),
        (("--entropy-weight", "0", "--crop", "none"), "--entropy-weight 0.0: is for what stands out; add --crop focal"),
        (("--box", "0.png"), "--box must be PHOTO=LEFT,TOP,WIDTH or"),
        (("--box", "0.png=0,0,9", "--box", "0.png=9,0,9"), "--box 0.png is given twice, and a photo has one window"),
        (("--box", "0.png=1,2"), "got '0.png=1,2'"),
        (("--box", "0.png=1,2,x"), "got '0.png=1,2,x'"),
        (("--box", "0.pgn=1,2,3"), "--box 0.pgn: there is no such photo in"),
        (("--box", "0.png=100,0,100"), "does not lie in the photo, which has 150×100 pixels, upright"),
    ],
)
def test_what_cannot_be_asked_for_is_one_message_and_exit_code_2(dbsweep, source, tmp_path, words, message):
    code, out, err = dbsweep("photos", source, tmp_path / "out", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert not (tmp_path / "out").exists()


def test_a_network_that_nothing_asks_is_refused(dbsweep, source, tmp_path):
    code, _, err = dbsweep("photos", source, tmp_path / "out", "--face-detector", tmp_path / "yunet.onnx")
    assert code == 2
    assert "--face-detector finds what windows lie around: add --crop focal, or leave it out" in err


def test_check_tells_what_photos_have_in_common_and_makes_nothing(dbsweep, source):
    (source / "2.png").unlink()
    Image.open(source / "0.png").resize((300, 200)).save(source / "again.png")
    Image.open(source / "0.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(source / "0-flipped.png")
    before = pictures(source)
    code, out, err = dbsweep("photos", source, "--check")
    assert code == 0
    assert out.startswith("again.png and 0.png are much the same at 16×16 grey pixels (correlation 1.00): if they are")
    assert out.count("\n") == 1, "mirrored copies are passed over"
    assert err.splitlines()[-1].startswith("3 photos compared by their pixels, colours at edges and below, brightness,")
    assert pictures(source) == before


def test_check_is_silent_where_photos_differ_and_looks_at_faces_where_it_can(dbsweep, source, tmp_path, monkeypatch):
    code, out, err = dbsweep("photos", source, "--check")
    assert (code, out) == (0, "")
    assert "--face-detector FILE looks at faces too: nothing is alike in many of them" in err
    for index in range(3, 5):
        noise = np.random.default_rng(index).integers(0, 256, (10, 10, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((100, 100)).save(source / f"{index}.png")

    def load(path, field):
        return lambda photo: [Face(30, 10, 40, 0.3 * len(photo), ((40, 50), (60, 50)), (60, 60))]

    monkeypatch.setattr("dbsweep.concepts.face_finder.load_finder", load)
    (tmp_path / "yunet.onnx").touch()
    code, out, _ = dbsweep("photos", source, "--check", "--face-detector", tmp_path / "yunet.onnx")
    assert "in all 5 photos with a face it is about as large: 30% of the height" in out


def test_check_names_every_photo_that_cannot_be_read(dbsweep, source):
    for name in ("1.png", "2.png"):
        (source / name).write_text("no photo")
    code, out, err = dbsweep("photos", source, "--check")
    assert (code, out) == (2, "")
    assert "1.png cannot be read (not an image); photo" in err
    assert err.endswith("2.png cannot be read (not an image): mend or remove them\n")


@pytest.mark.parametrize(
    "words",
    [
        ("--size", "96"),
        ("--crop", "none"),
        ("--box", "0.png=1,2,3"),
        ("--split",),
        ("--flip",),
        ("--threshold", "0.5"),
        ("--overlap", "0.5"),
        ("--edges-weight", "0.5"),
        ("--entropy-weight", "0.5"),
    ],
)
def test_what_pictures_would_be_made_with_says_nothing_to_check(dbsweep, source, words):
    code, out, err = dbsweep("photos", source, "--check", *words)
    assert (code, out) == (2, "")
    assert f"{' '.join(words)}: is for pictures that are made, and --check makes none; leave it out" in err


def test_what_is_not_said_of_splitting_and_focal_points_is_what_is_written(dbsweep, source, tmp_path):
    Image.open(source / "0.png").resize((200, 80)).save(source / "0.png")
    words = ("--size", "64", "--crop", "focal", "--split")
    assert dbsweep("photos", source, tmp_path / "out", *words)[0] == 0
    said = ("--threshold", "0.5", "--overlap", "0.2", "--edges-weight", "0.5", "--entropy-weight", "0.15")
    assert dbsweep("photos", source, tmp_path / "out", *words, *said)[1].count("there already") == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--check", "out"), "--check makes nothing: give SOURCE alone, got 'out' too"),
        ((), "DESTINATION is missing: give another folder for the pictures, or --check to look at photos"),
    ],
)
def test_a_folder_is_given_or_only_looked_at(dbsweep, source, words, message):
    code, out, err = dbsweep("photos", source, *words)
    assert (code, out) == (2, "")
    assert message in err


def test_it_loads_nothing_heavy(source, tmp_path):
    words = ["dbsweep", "photos", str(source), str(tmp_path / "out"), "--crop", "focal"]
    code = "\n".join(
        (
            "import sys, dbsweep.cli",
            f"sys.argv = {words!r}",
            "try: dbsweep.cli.main()",
            "except SystemExit as done: print(done.code, 'torch' in sys.modules)",
        )
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.endswith("0 False\n")
