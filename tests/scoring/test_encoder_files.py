"""Encoders that are not to be had are found without loading any; the hub is a table here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dbsweep.errors import ModelError
from dbsweep.scoring import encoder_files
from dbsweep.scoring.encoder_files import DINO_FILES, check_dino, check_encoder

CONFIG = "open_clip_config.json"
FIELD = "evaluate.encoder"


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What has been fetched and how it was called; every hub id leads to the folder `tmp_path`/hub."""
    (tmp_path / "hub").mkdir()
    fetched = []

    def fetch(hub_id: str, files: tuple[str, ...], what: str, *, later: tuple[tuple[str, ...], ...]) -> Path:
        assert files in ((CONFIG,), DINO_FILES), "weights are the workers' to fetch"
        assert "*.safetensors" in later[0]
        fetched.append((hub_id, what))
        return tmp_path / "hub"

    monkeypatch.setattr(encoder_files, "download", fetch)
    return fetched


def test_a_folder_is_looked_at_and_the_hub_is_not(clip_folder: Path, asked: list[tuple[str, str]]) -> None:
    check_encoder(str(clip_folder), FIELD)
    check_encoder(f"local-dir:{clip_folder}", FIELD)
    assert asked == []


def test_a_folder_without_weights_is_refused(clip_folder: Path, tmp_path: Path) -> None:
    shutil.copy(clip_folder / CONFIG, tmp_path)
    with pytest.raises(ModelError, match=rf"{FIELD} {tmp_path}: the folder has no weights \(\*\.safetensors, "):
        check_encoder(str(tmp_path), FIELD)


@pytest.mark.parametrize("weights", ["open_clip_pytorch_model.bin", "clip.pth", "open_clip_model.safetensors"])
def test_weights_of_a_folder_are_of_any_kind_that_open_clip_reads(
    clip_folder: Path, tmp_path: Path, weights: str
) -> None:
    shutil.copy(clip_folder / CONFIG, tmp_path)
    (tmp_path / weights).touch()
    check_encoder(str(tmp_path), FIELD)


def test_a_model_with_a_tag_is_asked_for_where_its_weights_are(asked: list[tuple[str, str]]) -> None:
    check_encoder("ViT-L-14/openai", FIELD)
    hub_id = "timm/vit_large_patch14_clip_224.openai"
    assert asked == [(hub_id, f"{FIELD} ViT-L-14/openai, which is {hub_id} on the hub")]
    with pytest.raises(ModelError, match="ViT-L-14 has the tags openai"):
        check_encoder("ViT-L-14/opanai", FIELD)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, f"it has no {CONFIG}; check that it is the right model"),
        ("{", f"its {CONFIG} cannot be read as JSON"),
        ("[]", f"its {CONFIG} is not a model's"),
        ("{}", f"not an open_clip model, its {CONFIG} has no model_cfg"),
        ('{"model_cfg": {}}', None),
    ],
)
def test_a_model_of_the_hub_is_checked_by_its_configuration(
    tmp_path: Path, asked: list[tuple[str, str]], config: str | None, message: str | None
) -> None:
    if config is not None:
        (tmp_path / "hub" / CONFIG).write_text(config)
    if message is None:
        check_encoder("hf-hub:owner/clip", FIELD)
    else:
        with pytest.raises(ModelError, match=f"{FIELD} hf-hub:owner/clip: {message}"):
            check_encoder("hf-hub:owner/clip", FIELD)
    assert asked == [("owner/clip", f"{FIELD} hf-hub:owner/clip")]


def dino(folder: Path, kind: str = "dinov2") -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    (folder / "preprocessor_config.json").write_text("{}")


def test_a_dinov2_of_the_hub_is_checked_by_its_configuration(tmp_path: Path, asked: list[tuple[str, str]]) -> None:
    with pytest.raises(ModelError, match=r"evaluate\.identity\.dinov2 owner/dino: it has no config\.json"):
        check_dino("owner/dino")
    dino(tmp_path / "hub", "vit")
    with pytest.raises(ModelError, match=r"owner/dino: not a DINOv2, its config\.json tells of a vit model"):
        check_dino("owner/dino")
    dino(tmp_path / "hub")
    check_dino("owner/dino")
    assert asked == [("owner/dino", "evaluate.identity.dinov2 owner/dino")] * 3


def test_a_dinov2_of_a_folder_is_whole(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"dinov2 .*: there is no such folder"):
        check_dino(str(tmp_path / "gone"))
    with pytest.raises(ModelError, match=r"dinov2 \./gone: there is no such folder"):
        check_dino("./gone")
    with pytest.raises(ModelError, match=r"the folder has no weights \(\*\.safetensors, \*\.bin\)"):
        check_dino(str(tmp_path))
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(ModelError, match=r"it has no config\.json"):
        check_dino(str(tmp_path))
    dino(tmp_path)
    check_dino(str(tmp_path))
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match=r"it has no preprocessor_config\.json"):
        check_dino(str(tmp_path))
