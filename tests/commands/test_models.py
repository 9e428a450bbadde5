"""Tests of the commands that write and name model files; exports of a run are in `tests/sweep/test_exporting.py`."""

from __future__ import annotations

import hashlib

import torch

from dbsweep.models.safetensors_file import write_weights


def test_model_files_have_a1111_s_hashes(dbsweep, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "model.ckpt").write_bytes(b"abc")
    # SHA-256 of "abc" (FIPS 180-2, B.1), and of nothing: the file ends before the old hash's window.
    line = f"ba7816bf8f  e3b0c442  {tmp_path / 'model.ckpt'}\n"
    assert dbsweep("hash", tmp_path / "model.ckpt") == (0, line, "")
    lora = tmp_path / "ohwx.safetensors"
    write_weights(lora, {"lora_unet_mid_block.lora_down.weight": torch.zeros(3)}, {})
    assert dbsweep("hash", lora) == (0, f"{hashlib.sha256(bytes(12)).hexdigest()[:12]}  {lora}\n", "")
    code, _, err = dbsweep("hash", tmp_path / "nowhere.ckpt")
    assert code == 2
    assert "nowhere.ckpt: cannot be read" in err
