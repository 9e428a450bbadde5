"""What is a captioner and what is not is told without loading it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import HfApi

from dbsweep.captioning.model_files import find_captioner
from dbsweep.errors import ModelError


def model(folder: Path, config: object, *files: str) -> Path:
    folder.mkdir(exist_ok=True)
    if config is not None:
        (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    for name in files:
        (folder / name).touch()
    return folder


def test_folders_are_known_by_their_configuration(captioners: dict[str, Path], tagger: Path) -> None:
    for kind, folder in {**captioners, "tagger": tagger}.items():
        found = find_captioner(str(folder))
        assert (found.kind, found.files()) == (kind, folder)


@pytest.mark.parametrize(
    ("config", "files", "message"),
    [
        ({"model_type": "git"}, (), r"has no weights \(model\*\.safetensors or pytorch_model\*\.bin\); take one such"),
        (None, ("model.safetensors",), r"has no config\.json, so it is no captioner; take one such as microsoft/git-l"),
        ("{", ("model.safetensors",), r"config\.json cannot be read as JSON"),
        ("[]", ("model.safetensors",), r"config\.json is not a model's"),
        (
            {"model_type": "vit"},
            ("model.safetensors",),
            r"tells of a vit model, which writes no captions; GIT, BLIP, BLIP-2, Florence-2 and WD14 taggers do",
        ),
        ({"model_type": "tagger"}, ("model.safetensors",), "tells of a tagger model, which writes no captions"),
        ({}, ("model.safetensors",), "tells of a nameless model"),
        ({"architecture": "vit_base_patch16_224"}, ("model.safetensors",), r"has no selected_tags\.csv"),
        ({}, ("model.safetensors", "selected_tags.csv"), r"tells of no timm model \(architecture\)"),
        (
            {"model_type": "florence2", "auto_map": {"AutoModel": "modeling.py"}},
            ("pytorch_model.bin",),
            "wants code of its own to be run, which is never done here; .*florence-community/Florence-2-large",
        ),
    ],
)
def test_a_folder_that_is_no_captioner_is_refused(tmp_path: Path, config, files, message: str) -> None:
    with pytest.raises(ModelError, match=rf"^model .*{message}"):
        find_captioner(str(model(tmp_path / "some", config, *files)))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_folder", "model no_such_folder: no such folder, and not a hub id"),
        ("./some/folder", "no such folder, and not a hub id"),
        ("/no/such", "no such folder, and not a hub id"),
        ("somebody/unknown", "model somebody/unknown: no such folder here, and not to be had from the hub"),
    ],
)
def test_a_name_without_a_model_is_refused(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        find_captioner(name)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(ModelError, match="is a file; give the folder of a captioner"):
        find_captioner(str(tmp_path / "model.safetensors"))


def test_of_the_hub_weights_are_fetched_last_and_safetensors_alone(
    captioners: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is fetched, by the patterns that the hub's own library is given."""
    fetched: list[list[str]] = []
    names = [path.name for path in captioners["git"].iterdir()] + ["pytorch_model.bin", "model.onnx", "README.md"]
    info = SimpleNamespace(siblings=[SimpleNamespace(rfilename=name) for name in names])
    monkeypatch.setattr(HfApi, "model_info", lambda *_, **__: info)

    def snapshot_download(hub_id: str, *, allow_patterns: list[str]) -> str:
        assert hub_id == "microsoft/git-large-coco"
        path = Path("/")
        fetched.append([name for name in names if any(path.joinpath(name).match(each) for each in allow_patterns)])
        return str(captioners["git"])

    monkeypatch.setattr("dbsweep.models.hub.snapshot_download", snapshot_download)
    found = find_captioner("microsoft/git-large-coco")
    assert (found.kind, found.folder) == ("git", None)
    assert fetched == [["config.json"]]
    assert found.files() == captioners["git"]
    assert sorted(fetched[1]) == sorted(path.name for path in captioners["git"].iterdir())


def test_a_cached_captioner_needs_no_network(
    captioners: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "models--microsoft--git-large-coco"
    shutil.copytree(captioners["git"], repository / "snapshots" / ("0" * 40))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    found = find_captioner("microsoft/git-large-coco")
    assert (found.kind, found.files()) == ("git", repository / "snapshots" / ("0" * 40))
