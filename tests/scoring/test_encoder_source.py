"""Names of encoders, looked at without loading any."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.errors import ModelError
from dbsweep.scoring.encoder_source import check_dino, encoder_source


@pytest.mark.parametrize("name", ["ViT-L-14/openai", "hf-hub:owner/name", "hf-hub:one"])
def test_models_keep_their_names(name: str) -> None:
    assert encoder_source(name) == name


def test_a_folder_gets_its_prefix_once(tmp_path: Path) -> None:
    (tmp_path / "open_clip_config.json").write_text("{}")
    assert encoder_source(str(tmp_path)) == encoder_source(f"local-dir:{tmp_path}") == f"local-dir:{tmp_path}"


@pytest.mark.parametrize("name", ["ViT-L-14", "/ViT-L-14", "ViT-L-14/"])
def test_a_model_needs_a_tag(name: str) -> None:
    with pytest.raises(ModelError, match=r"evaluate\.encoder: .* is neither a folder nor an open_clip model/tag"):
        encoder_source(name)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is not an open_clip folder: it has no open_clip_config\.json"):
        encoder_source(str(tmp_path))


def test_a_dinov2_is_a_hub_id_or_a_model_folder(tmp_path: Path) -> None:
    check_dino("facebook/dinov2-base")
    with pytest.raises(ModelError, match=r"evaluate\.identity\.dinov2: .* it has no config\.json"):
        check_dino(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    check_dino(str(tmp_path))
    with pytest.raises(ModelError, match="there is no folder"):
        check_dino(str(tmp_path / "gone"))
