"""Files are taken out of a checkpoint, and its manifest never lists one that is gone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dbsweep.models.checkpoint_files import drop_state, drop_weights, lost_files, manifest_without

FILES = {"unet.safetensors": 5, "lora.safetensors": 7, "state.safetensors": 11, "state.json": 13}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint of all kinds of file, with a preview beside them."""
    for name, size in {**FILES, "preview.png": 17}.items():
        (tmp_path / name).write_bytes(bytes(size))
    manifest = {"id": "b01-000010", "files": {name: f"sum of {name}" for name in FILES}, "bytes": sum(FILES.values())}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


def manifest(folder: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((folder / "manifest.json").read_text())
    return content


@pytest.mark.parametrize(
    ("drop", "kept"),
    [
        (drop_state, ["lora.safetensors", "unet.safetensors"]),
        (drop_weights, ["state.json", "state.safetensors"]),
    ],
)
def test_what_is_dropped_is_gone_from_folder_and_manifest(
    folder: Path, drop: Callable[[Path], None], kept: list[str]
) -> None:
    for _ in range(2):  # again changes nothing
        drop(folder)
        assert sorted(path.name for path in folder.iterdir()) == sorted([*kept, "manifest.json", "preview.png"])
        assert manifest(folder) == {
            "id": "b01-000010",
            "files": {name: f"sum of {name}" for name in FILES if name in kept},
            "bytes": sum(FILES[name] for name in kept),
        }
        assert lost_files(folder) == ()


def test_a_process_that_dies_between_leaves_a_file_too_many_and_none_too_few(folder: Path, monkeypatch) -> None:
    def die(self: Path, missing_ok: bool = False) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", die)
        with pytest.raises(KeyboardInterrupt):
            drop_weights(folder)
    assert sorted(manifest(folder)["files"]) == ["state.json", "state.safetensors"]  # type: ignore[call-overload]
    assert (folder / "unet.safetensors").is_file()
    drop_weights(folder)
    assert not (folder / "unet.safetensors").exists()


def test_one_that_dies_before_leaves_all(folder: Path, monkeypatch) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    before = manifest(folder)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            drop_weights(folder)
    assert manifest(folder) == before
    assert all((folder / name).is_file() for name in FILES)


def test_a_folder_that_is_no_checkpoint_is_left_alone(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    drop_weights(folder)
    drop_state(folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*FILES, "preview.png"])


@pytest.mark.parametrize(
    ("gone", "content", "expected"),
    [
        ((), None, ()),
        (("unet.safetensors",), None, ("unet.safetensors",)),
        (("lora.safetensors", "unet.safetensors"), None, ("unet.safetensors", "lora.safetensors")),
        (("state.safetensors",), None, ()),  # what goes on from it tells
        (("manifest.json",), None, ("manifest.json",)),
        ((), "{", ("manifest.json",)),
        ((), "[]", ("manifest.json",)),
        ((), "{}", ("manifest.json",)),
        ((), '{"files": 3}', ("manifest.json",)),
        (("unet.safetensors",), '{"files": {}}', ()),
    ],
)
def test_what_is_lost_is_named(folder: Path, gone: tuple[str, ...], content: str | None, expected: object) -> None:
    if content is not None:
        (folder / "manifest.json").write_text(content)
    for name in gone:
        (folder / name).unlink()
    assert lost_files(folder) == expected


def test_a_manifest_that_lists_none_of_the_files_stays() -> None:
    assert manifest_without('{"files": {"a": "1"}, "bytes": 3}', ["b"], {"a": 3}) is None
    without = manifest_without('{"files": {"a": "1", "b": "2"}, "step": 4}', ["b"], {"a": 3, "b": 9})
    assert without is not None
    assert json.loads(without) == {"files": {"a": "1"}, "step": 4, "bytes": 3}
