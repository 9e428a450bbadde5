"""Names of encoders, looked at without loading any."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dbsweep.errors import ModelError
from dbsweep.scoring.encoder_source import encoder_source, hub_id_of, model_and_tag


@pytest.mark.parametrize("name", ["ViT-L-14/openai", "hf-hub:owner/name", "hf-hub:one"])
def test_models_keep_their_names(name: str) -> None:
    assert encoder_source(name) == name


def test_a_folder_gets_its_prefix_once(tmp_path: Path) -> None:
    (tmp_path / "open_clip_config.json").write_text("{}")
    assert encoder_source(str(tmp_path)) == encoder_source(f"local-dir:{tmp_path}") == f"local-dir:{tmp_path}"


def test_a_folder_may_be_told_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "open_clip_config.json").write_text("{}")
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    assert encoder_source(f"local-dir:~/{tmp_path.name}") == f"local-dir:{tmp_path}"


@pytest.mark.parametrize("name", ["ViT-L-14", "/ViT-L-14", "ViT-L-14/"])
def test_a_model_needs_a_tag(name: str) -> None:
    with pytest.raises(ModelError, match=r"evaluate\.encoder: .* is neither a folder nor an open_clip model/tag"):
        encoder_source(name)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is not an open_clip folder: it has no open_clip_config\.json"):
        encoder_source(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ViT-L-14/opanai", "there is no 'ViT-L-14/opanai': ViT-L-14 has the tags openai"),
        ("ViT-L14/openai", "knows no pretrained model 'ViT-L14'; did you mean 'ViT-L-14'"),
        ("models/clip", "there is no folder 'models/clip', and open_clip knows no pretrained model 'models'$"),
    ],
)
def test_what_open_clip_does_not_know_is_named(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=rf"^evaluate\.identity\.encoder: .*{message}"):
        model_and_tag(name, "evaluate.identity.encoder")


@pytest.mark.parametrize(
    ("name", "hub_id"),
    [  # with the file's name in open_clip's list, and without
        ("ViT-L-14/openai", "timm/vit_large_patch14_clip_224.openai"),
        ("ViTamin-L/datacomp1b", "jienengchen/ViTamin-L-224px"),
    ],
)
def test_weights_of_a_tag_lie_in_a_repository(name: str, hub_id: str) -> None:
    assert hub_id_of(*model_and_tag(name)) == hub_id


def test_looking_a_tag_up_loads_no_torch() -> None:
    look = "import sys; from dbsweep.scoring.encoder_source import model_and_tag; model_and_tag('ViT-L-14/openai')"
    # What has been left out for it can be imported afterwards.
    after = "assert not {'torch', 'open_clip'} & set(sys.modules); import safetensors.torch"
    subprocess.run([sys.executable, "-c", f"{look}; {after}"], check=True)
