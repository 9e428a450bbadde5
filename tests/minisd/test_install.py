"""Trained weights come into the package whole, not too large, and the card names their hashes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dbsweep.minisd import install as module
from dbsweep.minisd.install import TABLE_HEAD, hash_table, install, main, renewed


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """What a training leaves: two folders."""
    for name in ("pipeline", "clip"):
        (tmp_path / "out" / name / "unet").mkdir(parents=True)
        (tmp_path / "out" / name / "unet" / "w.safetensors").write_text(f"new {name}")
    return tmp_path / "out"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights and card in place of the package's."""
    monkeypatch.setattr(module, "WEIGHTS", tmp_path / "weights")
    monkeypatch.setattr(module, "CARD", tmp_path / "card.md")
    (tmp_path / "weights" / "pipeline").mkdir(parents=True)
    (tmp_path / "weights" / "pipeline" / "old.safetensors").write_text("old")
    (tmp_path / "card.md").write_text(f"# MiniSD\n\n{TABLE_HEAD}| `old` | `0` |\n")
    return tmp_path


def test_the_table_of_a_card_is_made_again_and_the_rest_stays(trained: Path) -> None:
    digest = hashlib.sha256(b"new clip").hexdigest()
    assert hash_table(trained / "clip") == f"{TABLE_HEAD}| `unet/w.safetensors` | `{digest}` |\n"
    card = f"# MiniSD\n\n{TABLE_HEAD}| `old` | `0` |\n"
    assert renewed(card, trained / "clip") == f"# MiniSD\n\n{hash_table(trained / 'clip')}"
    with pytest.raises(ValueError, match="the model card has no table that starts with"):
        renewed("# MiniSD\n", trained / "clip")


def test_installing_replaces_what_was_there(trained: Path, package: Path) -> None:
    main([str(trained)])
    weights = package / "weights"
    files = sorted(str(path.relative_to(weights)) for path in weights.rglob("*") if path.is_file())
    assert files == ["clip/unet/w.safetensors", "pipeline/unet/w.safetensors"]
    assert (weights / "pipeline" / "unet" / "w.safetensors").read_text() == "new pipeline"
    assert (package / "card.md").read_text() == f"# MiniSD\n\n{hash_table(weights)}"


def test_what_is_too_large_is_refused_and_nothing_changes(
    trained: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", len("new pipeline") + len("new clip") - 1)
    with pytest.raises(ValueError, match="out take 20 bytes, at most 19 are allowed"):
        install(trained)
    assert [path.name for path in (package / "weights").rglob("*")] == ["pipeline", "old.safetensors"]
