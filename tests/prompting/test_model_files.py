"""What is a language model and what is not is told without loading it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import HfApi

from dbsweep.errors import ModelError
from dbsweep.prompting.model_files import find_language_model

WORDS = ("model.safetensors", "tokenizer.json")


def model(folder: Path, config: object, *files: str) -> str:
    folder.mkdir(exist_ok=True)
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    for name in files:
        (folder / name).touch()
    return str(folder)


def test_a_folder_is_its_own_tokenizer_unless_another_is_named(gpt2: Path, tmp_path: Path) -> None:
    found = find_language_model(str(gpt2))
    assert (found.files(), found.tokenizer) == (gpt2, gpt2)
    other = tmp_path / "tokenizer"
    other.mkdir()
    (other / "vocab.json").touch()
    (other / "merges.txt").touch()
    assert find_language_model(str(gpt2), str(other)).tokenizer == other


@pytest.mark.parametrize(
    ("config", "files", "message"),
    [
        ({}, ("tokenizer.json",), r"the folder has no weights .*; take one such as Gustavosta/MagicPrompt"),
        (None, WORDS, r"it has no config\.json, so it is no language model; take one such as Gustavosta"),
        ([], WORDS, r"its config\.json is not a model's"),
        (
            {"architectures": ["BertForMaskedLM"]},
            WORDS,
            "tells of BertForMaskedLM, which goes on with no text; take one",
        ),
        (
            {"architectures": ["T5ForConditionalGeneration"]},
            WORDS,
            "tells of T5ForConditionalGeneration, which goes on with no text",
        ),
        ({"auto_map": {"AutoModelForCausalLM": "a.py"}}, WORDS, "wants code of its own to be run, which is never done"),
        (
            {"architectures": ["GPT2LMHeadModel"]},
            ("model.safetensors", "vocab.json"),
            r"has no tokenizer, it lacks tokenizer\.json or vocab\.json with merges\.txt .*; name one by --tokenizer",
        ),
    ],
)
def test_a_folder_that_is_no_language_model_is_refused(tmp_path: Path, config, files, message: str) -> None:
    with pytest.raises(ModelError, match=rf"^model .*{message}"):
        find_language_model(model(tmp_path / "some", config, *files))


@pytest.mark.parametrize("classes", [["GPT2LMHeadModel"], ["LlamaForCausalLM"], [], None])
def test_what_may_go_on_with_a_text_is_taken(tmp_path: Path, classes) -> None:
    config = {} if classes is None else {"architectures": classes}
    assert find_language_model(model(tmp_path / "some", config, *WORDS)).folder == tmp_path / "some"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_folder", "model no_such_folder: no such folder, and not a hub id"),
        ("somebody/unknown", "model somebody/unknown: no such folder here, and not to be had from the hub"),
    ],
)
def test_a_name_without_a_model_is_refused(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        find_language_model(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("distilgpt2", "tokenizer distilgpt2: no such folder, and not a hub id"),
        ("somebody/unknown", "tokenizer somebody/unknown: no such folder here, and not to be had from the hub"),
        (".", r"tokenizer \.: it lacks tokenizer\.json or"),
    ],
)
def test_a_name_without_a_tokenizer_is_refused(
    gpt2: Path, tmp_path: Path, monkeypatch, name: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=message):
        find_language_model(str(gpt2), name)


def test_of_the_hub_weights_are_fetched_last_and_safetensors_alone(gpt2: Path, monkeypatch) -> None:
    fetched: list[list[str]] = []
    names = [path.name for path in gpt2.iterdir()] + ["pytorch_model.bin", "model.onnx", "README.md"]
    info = SimpleNamespace(siblings=[SimpleNamespace(rfilename=name) for name in names])
    monkeypatch.setattr(HfApi, "model_info", lambda *_, **__: info)

    def snapshot_download(hub_id: str, *, allow_patterns: list[str]) -> str:
        assert hub_id == "Gustavosta/MagicPrompt-Stable-Diffusion"
        fetched.append([name for name in names if any(Path("/", name).match(each) for each in allow_patterns)])
        return str(gpt2)

    monkeypatch.setattr("dbsweep.models.hub.snapshot_download", snapshot_download)
    found = find_language_model("Gustavosta/MagicPrompt-Stable-Diffusion")
    small = {path.name for path in gpt2.iterdir()} - {"model.safetensors"}
    assert (found.folder, found.tokenizer, set(fetched[0])) == (None, gpt2, small)
    assert (found.files(), set(fetched[1])) == (gpt2, {*small, "model.safetensors"})


def test_a_cached_model_needs_no_network(gpt2: Path, tmp_path: Path, monkeypatch) -> None:
    repository = tmp_path / "models--Gustavosta--MagicPrompt-Stable-Diffusion"
    snapshot = repository / "snapshots" / ("0" * 40)
    shutil.copytree(gpt2, snapshot)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    found = find_language_model("Gustavosta/MagicPrompt-Stable-Diffusion")
    assert (found.tokenizer, found.files()) == (snapshot, snapshot)
