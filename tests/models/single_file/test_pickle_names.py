"""The names in a `.ckpt` are those that unpickling it gives, and nothing of it is run."""

from __future__ import annotations

import pickle
import string
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dbsweep.models.single_file.pickle_names import names_in_pickle

NAMES = st.sets(st.text(f"{string.ascii_letters}{string.digits}._", min_size=1, max_size=300), min_size=1, max_size=40)


@pytest.mark.parametrize(
    "options",
    [{}, {"_use_new_zipfile_serialization": False}, {"pickle_protocol": 4}, {"pickle_protocol": 5}],
    ids=str,
)
def test_every_name_is_found(tmp_path: Path, options: dict[str, Any]) -> None:
    @settings(max_examples=30, deadline=None)
    @given(names=NAMES)
    def check(names: set[str]) -> None:
        weights = {name: torch.zeros(2) for name in names}
        torch.save({"epoch": 3, "state_dict": weights}, tmp_path / "m.ckpt", **options)
        assert names <= names_in_pickle(tmp_path / "m.ckpt")

    check()


def test_a_number_before_a_name_does_not_hide_it(tmp_path: Path) -> None:
    """The number of the text before is 0x8c once, as the beginning of a short text, and 65 is a letter."""
    names = [f"model.{number:059d}" for number in range(300)]
    (tmp_path / "m.ckpt").write_bytes(pickle.dumps(names, protocol=2))
    assert set(names) <= names_in_pickle(tmp_path / "m.ckpt")


class _Code:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


def test_nothing_is_run(tmp_path: Path) -> None:
    content = {"state_dict": {"model.x": 1}, "code": _Code(tmp_path / "ran")}
    (tmp_path / "m.ckpt").write_bytes(pickle.dumps(content, protocol=2))
    assert "model.x" in names_in_pickle(tmp_path / "m.ckpt")
    assert not (tmp_path / "ran").exists()
    pickle.loads((tmp_path / "m.ckpt").read_bytes())
    assert (tmp_path / "ran").exists()


def test_a_name_begins_where_its_text_does(tmp_path: Path) -> None:
    """Else a UNet's weight of that name would make its file a LoRA."""
    torch.save({"model.lora_x": torch.zeros(1)}, tmp_path / "m.ckpt")
    assert not [name for name in names_in_pickle(tmp_path / "m.ckpt") if name.startswith("lora_")]
