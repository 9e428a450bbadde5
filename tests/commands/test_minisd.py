"""Tests of the embedded model's commands."""

from __future__ import annotations

from pathlib import Path


def test_subjects_are_written_and_never_overwritten(dbsweep, tmp_path):
    words = ("minisd", "subject", "--seed", 5, "--class", "woman", "--photos", 3, "--out", tmp_path / "photos")
    code, out, _ = dbsweep(*words)
    assert code == 0
    assert out == f"3 photos of a woman in {tmp_path / 'photos'}\n"
    before = {p.name: p.read_bytes() for p in (tmp_path / "photos").iterdir()}
    assert sorted(before) == ["photo_01.png", "photo_02.png", "photo_03.png"]
    code, _, err = dbsweep(*words)
    assert code == 2
    assert str(tmp_path / "photos") in err
    assert {p.name: p.read_bytes() for p in (tmp_path / "photos").iterdir()} == before


def test_a_folder_that_cannot_be_made_for_a_subject_is_said(dbsweep, tmp_path: Path):
    (tmp_path / "file").touch()
    code, _, err = dbsweep("minisd", "subject", "--seed", 5, "--out", tmp_path / "file" / "photos")
    assert (code, err) == (
        2,
        f"dbsweep: {tmp_path / 'file' / 'photos'} cannot be written (Not a directory); choose another folder\n",
    )


def test_an_unknown_class_is_refused(dbsweep, tmp_path: Path):
    code, _, err = dbsweep("minisd", "subject", "--seed", 5, "--class", "cat", "--out", tmp_path / "p")
    assert code == 2
    assert "cat" in err
