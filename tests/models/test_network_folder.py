"""What a network's folder says is read in one place: each fault names the model, the file and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.errors import ModelError
from dbsweep.models.hub import MODEL_WEIGHTS
from dbsweep.models.network_folder import read_config, read_object, with_weights


def test_an_object_is_read(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"model_type": "git"}')
    assert read_object(file, "model some", "") == {"model_type": "git"}
    assert read_config(tmp_path, "some", "captioner", "take another") == {"model_type": "git"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"^model some: it has no config\.json, so it is none$"),
        ("{", r"^model some: its config\.json cannot be read as JSON \(.*\); get it again$"),
        ("[1]", r"^model some: its config\.json is not a model's; get it again$"),
    ],
)
def test_what_is_none_is_told(tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "config.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ModelError, match=message):
        read_object(file, "model some", ", so it is none")


def test_code_that_comes_along_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"auto_map": {"AutoModel": "code.Model"}}')
    with pytest.raises(ModelError, match=r"^model some: wants code of its own to be run, .*; take another$"):
        read_config(tmp_path, "some", "captioner", "take another")


def test_weights_are_fetched_of_the_hub_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[tuple[object, ...]] = []

    def download(*asked: object, weights: object) -> Path:
        fetched.append((*asked, weights))
        return tmp_path / "cache"

    monkeypatch.setattr("dbsweep.models.network_folder.download", download)
    assert with_weights("here", tmp_path, ["vocab.*"]) == tmp_path
    assert fetched == []
    assert with_weights("some/body", None, ["vocab.*"]) == tmp_path / "cache"
    assert fetched == [("some/body", ["vocab.*"], "model some/body", MODEL_WEIGHTS)]
