"""Trained weights are written whole, as other programs read them, and told by their hashes."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import load_file
from transformers import CLIPTokenizer

from dbsweep.minisd.architecture import new_autoencoder, new_clip, new_text_encoder, new_unet
from dbsweep.minisd.folder import file_hashes, replace_folder, save_clip, save_pipeline, total_bytes
from dbsweep.minisd.paths import pipeline_path
from dbsweep.models.loading import load_base


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(pipeline_path() / "tokenizer")


def test_a_folder_is_replaced_whole_or_stays_as_it_was(tmp_path: Path):
    folder = tmp_path / "weights"

    def write(target: Path) -> None:
        target.mkdir()
        (target / "model.safetensors").write_bytes(b"new")

    def fail(target: Path) -> None:
        write(target)
        raise OSError("disk full")

    replace_folder(folder, write)
    (folder / "of-before").touch()
    with pytest.raises(OSError, match="disk full"):
        replace_folder(folder, fail)
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", "of-before"}
    replace_folder(folder, write)  # also past what the failure left beside it
    assert [path.name for path in folder.iterdir()] == ["model.safetensors"]
    assert (folder / "model.safetensors").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]


def test_a_pipeline_is_written_in_half_precision_and_read_in_full(tmp_path: Path, tokenizer: CLIPTokenizer):
    torch.manual_seed(0)
    vae, unet, text_encoder = new_autoencoder(), new_unet(), new_text_encoder(tokenizer)
    save_pipeline(tmp_path / "pipeline", vae, unet, text_encoder, tokenizer)
    assert unet.dtype is torch.float32  # what was handed over goes on in full precision
    written = load_file(tmp_path / "pipeline" / "unet" / "diffusion_pytorch_model.safetensors")
    assert {value.dtype for value in written.values()} == {torch.float16}
    models = load_base(str(tmp_path / "pipeline"))
    assert models.dtype is models.text_encoder.dtype is torch.float32
    assert all(torch.equal(value, written[key].float()) for key, value in models.unet.state_dict().items())
    assert str(tmp_path) not in "".join(file.read_text() for file in tmp_path.rglob("config.json"))


def test_a_clip_is_written_as_open_clip_reads_it(tmp_path: Path, tokenizer: CLIPTokenizer):
    torch.manual_seed(0)
    clip = new_clip()
    save_clip(tmp_path / "clip", clip, tokenizer)
    read, _ = open_clip.create_model_from_pretrained(f"local-dir:{tmp_path / 'clip'}")
    tokens = open_clip.get_tokenizer(f"local-dir:{tmp_path / 'clip'}")(["photo of ohwx man"])
    assert tokens.shape == (1, 77)
    for key, value in clip.state_dict().items():
        assert torch.equal(read.state_dict()[key], value.half().float()), key


def test_files_are_told_by_their_content_wherever_the_folder_lies(tmp_path: Path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "one").write_bytes(b"1")
    (tmp_path / "a" / "two").write_bytes(b"22")
    hashes = {"b/one": hashlib.sha256(b"1").hexdigest(), "two": hashlib.sha256(b"22").hexdigest()}
    assert file_hashes(tmp_path / "a") == hashes
    assert total_bytes(tmp_path / "a") == 3
    shutil.move(tmp_path / "a", tmp_path / "c")
    assert file_hashes(tmp_path / "c") == hashes
