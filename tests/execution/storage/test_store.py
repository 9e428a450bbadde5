"""Folders in a storage: whole or not at all, verified when they arrive, on several kinds of file system."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dbsweep.execution.storage.remote_files import RemoteFiles
from dbsweep.execution.storage.store import Store
from tests.execution.texts import content, fill

Machine = Callable[[str], Store]


def test_a_folder_arrives_on_another_machine_as_it_was(uri: str, tmp_path: Path) -> None:
    here, there = Store(tmp_path / "a", uri), Store(tmp_path / "b", uri)
    fill(tmp_path / "a" / "run" / "x", weights="1", deep__er="2", **{".unfinished": "3"})
    assert not there.get(tmp_path / "b" / "run" / "x")
    here.put(tmp_path / "a" / "run" / "x")
    assert there.intact(tmp_path / "b" / "run" / "x")
    assert there.get(tmp_path / "b" / "run" / "x")
    assert content(tmp_path / "b" / "run" / "x") == {"weights": "1", "deep/er": "2"}


def test_putting_again_replaces_and_sends_only_what_has_changed(tmp_path: Path) -> None:
    here, there = Store(tmp_path / "a", str(tmp_path / "s")), Store(tmp_path / "b", str(tmp_path / "s"))
    folder = fill(tmp_path / "a" / "x", weights="1", state="2", manifest="3")
    here.put(folder)
    (weights,) = (tmp_path / "s").rglob("weights")
    (folder / "state").unlink()
    here.put(fill(folder, manifest="4"))
    assert list((tmp_path / "s").rglob("weights")) == [weights]
    assert not list((tmp_path / "s").rglob("state"))
    assert there.get(tmp_path / "b" / "x")
    assert content(tmp_path / "b" / "x") == {"weights": "1", "manifest": "4"}


def test_parts_of_several_workers_arrive_together_or_by_name(uri: str, tmp_path: Path) -> None:
    for worker in ("w1", "w2"):
        folder = fill(tmp_path / worker / "pool", **{worker: worker})
        Store(tmp_path / worker, uri).put(folder, [worker], part=f"{worker}.p")
    assert Store(tmp_path / "one", uri).get(tmp_path / "one" / "pool", prefix="w1.")
    assert content(tmp_path / "one") == {"pool/w1": "w1"}
    assert Store(tmp_path / "all", uri).get(tmp_path / "all" / "pool")
    assert content(tmp_path / "all") == {"pool/w1": "w1", "pool/w2": "w2"}
    assert Store(tmp_path / "few", uri).get(tmp_path / "few" / "pool", only="w2")
    assert content(tmp_path / "few") == {"pool/w2": "w2"}


@pytest.mark.parametrize(
    ("harm", "seen_by_size"),
    [
        pytest.param(lambda file: file.write_bytes(file.read_bytes()[:-1]), True, id="truncated"),
        pytest.param(lambda file: file.write_bytes(b"X" + file.read_bytes()[1:]), False, id="corrupted"),
        pytest.param(lambda file: file.unlink(), True, id="lost"),
    ],
)
def test_a_damaged_upload_is_found_and_can_be_put_again(
    tmp_path: Path, harm: Callable[[Path], None], seen_by_size: bool
) -> None:
    here, there = Store(tmp_path / "a", str(tmp_path / "s")), Store(tmp_path / "b", str(tmp_path / "s"))
    folder = fill(tmp_path / "a" / "x", manifest="sound", weights="twelve bytes")
    here.put(folder)
    (file,) = (tmp_path / "s").rglob("weights")
    harm(file)
    assert there.intact(tmp_path / "b" / "x") is not seen_by_size
    assert not there.get(tmp_path / "b" / "x")
    assert content(tmp_path / "b") == {}, "nothing of a damaged folder arrives"
    assert not there.intact(tmp_path / "b" / "x")
    here.put(folder)
    assert there.get(tmp_path / "b" / "x")
    assert content(tmp_path / "b" / "x") == content(folder)


def test_a_put_that_was_cut_off_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = Store(tmp_path / "a", str(tmp_path / "s")), Store(tmp_path / "b", str(tmp_path / "s"))
    folder = fill(tmp_path / "a" / "x", weights="old")
    here.put(folder)
    with monkeypatch.context() as cut:
        cut.setattr(RemoteFiles, "write", lambda *_: (_ for _ in ()).throw(OSError("gone")))
        with pytest.raises(OSError, match="gone"):
            here.put(fill(folder, weights="new"))
    assert there.get(tmp_path / "b" / "x")
    assert content(tmp_path / "b" / "x") == {"weights": "old"}


def test_flags_and_removed_folders(uri: str, tmp_path: Path) -> None:
    here, there = Store(tmp_path / "a", uri), Store(tmp_path / "b", uri)
    assert not there.flag(tmp_path / "b" / "stop")
    here.raise_flag(tmp_path / "a" / "stop")
    assert there.flag(tmp_path / "b" / "stop")
    here.lower_flag(tmp_path / "a" / "stop")
    here.lower_flag(tmp_path / "a" / "stop")
    assert not there.flag(tmp_path / "b" / "stop")
    here.put(fill(tmp_path / "a" / "run" / "x", file="1"))
    assert there.holds(tmp_path / "b" / "run")
    there.remove(tmp_path / "b" / "run" / "x")
    assert not here.get(tmp_path / "a" / "run" / "x")


def test_files_are_taken_off_and_one_is_given_new_content(uri: str, tmp_path: Path) -> None:
    here, there = Store(tmp_path / "a", uri), Store(tmp_path / "b", uri)
    folder = fill(tmp_path / "a" / "x", weights="123", state="2", manifest="old")
    assert here.read(folder, "manifest") is None
    here.put(folder)
    driver = Store(tmp_path / "driver", uri)
    place = tmp_path / "driver" / "x"
    assert driver.read(place, "manifest") == (b"old", {"weights": 3, "state": 1, "manifest": 3})
    driver.amend(place, ["weights", "absent"], "manifest", b"fresh")
    assert there.get(tmp_path / "b" / "x")
    assert content(tmp_path / "b" / "x") == {"state": "2", "manifest": "fresh"}
    assert not place.exists()
    driver.amend(tmp_path / "driver" / "nowhere", ["weights"], "manifest", b"fresh")
    assert not there.holds(tmp_path / "b" / "nowhere")
