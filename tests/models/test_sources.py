"""A base model's name is checked before torch is imported."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dbsweep.errors import ModelError
from dbsweep.models.checkpoint_files import MANIFEST
from dbsweep.models.sources import (
    BaseSource,
    base_below,
    check_base,
    check_safetensors,
    check_source,
    is_checkpoint,
    is_hub_id,
    weight_kind,
)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("stable-diffusion-v1-5/stable-diffusion-v1-5", True),
        ("owner/name", True),
        ("owner/model.safetensors", False),
        ("models/sd.ckpt", False),
        ("name", False),
        ("a/b/c", False),
        ("../sd", False),
        ("/abs/sd", False),
    ],
)
def test_hub_ids_are_told_from_paths(source: str, expected: bool) -> None:
    assert is_hub_id(source) is expected


def test_good_sources_pass(tiny_sd: Path) -> None:
    check_source(str(tiny_sd))
    check_source("owner/name")


def test_a_file_longer_or_shorter_than_its_header_is_refused(tiny_sd: Path, tmp_path: Path) -> None:
    content = (tiny_sd / "unet" / "diffusion_pytorch_model.safetensors").read_bytes()
    file = tmp_path / "model.safetensors"
    for wrong in (content[:-1], content + b"\0"):
        file.write_bytes(wrong)
        with pytest.raises(ModelError, match=f"{len(wrong)} bytes where its header says {len(content)}; get it again"):
            check_safetensors(file)


@pytest.mark.parametrize(
    "content", [b"", b"12345678", b"hello, I am a text file", b"\x02\0\0\0\0\0\0\0[]", b'\x0a\0\0\0\0\0\0\0{"a": {}} ']
)
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(content)
    with pytest.raises(ModelError, match="truncated or not a safetensors file"):
        check_source(str(file))


def test_a_ckpt_by_another_name_is_told_its_own(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "m.safetensors")
    with pytest.raises(ModelError, match=r"m\.safetensors: a pickle by its content; rename it \.ckpt, or"):
        check_source(str(tmp_path / "m.safetensors"))


def test_a_checkpoint_whose_run_has_gone_names_the_run(tmp_path: Path) -> None:
    gone = tmp_path / "first" / "checkpoints" / "b01" / "000120"
    told = rf"base model {gone}: no such .*; check the path, or, if a run began with this .* back: {tmp_path}/first$"
    with pytest.raises(ModelError, match=told):
        check_source(str(gone))


def test_another_vae_is_whole_or_refused(tiny_sd: Path, tmp_path: Path) -> None:
    own = tiny_sd / "vae" / "diffusion_pytorch_model.safetensors"
    check_base(BaseSource(source=str(tiny_sd), vae=str(own)))
    file = tmp_path / "vae.safetensors"
    with pytest.raises(ModelError, match=rf"vae {file}: no such folder or file"):
        check_base(BaseSource(source=str(tiny_sd), vae=str(file)))
    file.write_bytes(own.read_bytes()[:-1])
    with pytest.raises(ModelError, match=rf"{file}: \d+ bytes where its header says \d+; get it again"):
        check_base(BaseSource(source=str(tiny_sd), vae=str(file)))


@pytest.mark.parametrize("name", ["sdxl_vae.safetensors", "stabilityai/sdxl-vae"])
def test_an_sdxl_vae_is_refused_by_its_name(tiny_sd: Path, tmp_path: Path, name: str) -> None:
    """Its weights have the names and shapes of SD's."""
    vae = name if "/" in name else str(tmp_path / name)
    shutil.copy(tiny_sd / "vae" / "diffusion_pytorch_model.safetensors", tmp_path / "sdxl_vae.safetensors")
    with pytest.raises(ModelError, match=rf"^vae {vae}: by its name an SDXL VAE, .*; give another$"):
        check_base(BaseSource(source=str(tiny_sd), vae=vae))


@pytest.mark.parametrize("inner", [".", "vae"])
def test_another_vae_s_folder_is_one_or_refused(tiny_sd: Path, tmp_path: Path, inner: str) -> None:
    (tmp_path / inner).mkdir(exist_ok=True)
    source = BaseSource(source=str(tiny_sd), vae=str(tmp_path))
    with pytest.raises(ModelError, match=rf"vae {tmp_path}: not an .*, it lacks config\.json and \*\.safetensors$"):
        check_base(source)
    shutil.copytree(tiny_sd / "vae", tmp_path / inner, dirs_exist_ok=True)
    check_base(source)
    weights = tmp_path / inner / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelError, match="get it again"):
        check_base(source)


def test_a_file_that_cannot_be_read_is_refused(tiny_sd: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_sd, tmp_path / "sd"))
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    file.unlink()
    file.symlink_to("../../blobs/abc")  # of a hub's cache that was copied without its blobs
    with pytest.raises(ModelError, match=r"unet/diff.*\.safetensors: cannot be read \(No such file or directory\)"):
        check_source(str(folder))
    file.unlink()
    file.mkdir()
    with pytest.raises(ModelError, match=r"cannot be read \(Is a directory\)"):
        check_source(str(folder))


def test_the_files_that_macos_puts_beside_others_are_left_alone(tiny_sd: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_sd, tmp_path / "sd"))
    (folder / "unet" / "._diffusion_pytorch_model.safetensors").write_bytes(b"Mac OS X")
    check_source(str(folder))


STEM = "diffusion_pytorch_model"


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        ([f"{STEM}.fp16.safetensors", f"{STEM}.safetensors", f"{STEM}.bin"], (None, True)),
        ([f"{STEM}-00001-of-00002.safetensors", f"{STEM}.fp16.safetensors"], (None, True)),
        ([f"{STEM}.bin", f"{STEM}.fp16.safetensors"], (None, False)),
        ([f"{STEM}.fp16.safetensors", f"{STEM}.fp16.bin", f"{STEM}.non_ema.safetensors"], ("fp16", True)),
        ([f"{STEM}.fp16-00001-of-00002.safetensors"], ("fp16", True)),
        ([f"{STEM}-00001-of-00002.fp16.safetensors"], ("fp16", True)),
        ([f"{STEM}-00001-of-00002.fp16.bin", f"{STEM}-00001-of-00002.bin"], (None, False)),
        (["model.bf16.safetensors"], ("bf16", True)),
        (["model.bf16.safetensors", "model.fp16.safetensors"], ("fp16", True)),  # before others of the same kind
        (["model.bf16.safetensors", "model.fp16.bin"], ("fp16", False)),
        (["pytorch_model.bin", "._pytorch_model.safetensors"], (None, False)),
        ([], (None, True)),
    ],
)
def test_plain_names_are_read_before_variants(tmp_path: Path, names: list[str], kind: tuple[str | None, bool]) -> None:
    for name in names:
        (tmp_path / name).touch()
    assert weight_kind(tmp_path) == kind


def test_a_pipeline_with_a_manifest_of_its_own_is_no_checkpoint(tiny_sd: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_sd, tmp_path / "sd"))
    (folder / MANIFEST).write_text("{}")
    assert not is_checkpoint(folder)
    (folder / "model_index.json").unlink()
    assert is_checkpoint(folder)
    (folder / MANIFEST).write_text('{"base": 3}')
    with pytest.raises(ModelError, match=r"checkpoint .*sd: manifest\.json does not say which base model"):
        base_below(folder)


def test_minisd_in_capitals_is_told_its_name() -> None:
    with pytest.raises(ModelError, match=r"base model MiniSD: no such .*; the model that comes .* is called minisd"):
        check_source("MiniSD")


@pytest.mark.parametrize("name", ["{folder}", "owner/name"])
def test_halves_are_asked_of_single_files_alone(tiny_sd: Path, name: str) -> None:
    source = name.format(folder=tiny_sd)
    check_base(BaseSource(source=source, vae=str(tiny_sd)))
    with pytest.raises(ModelError, match="only single files have two halves; leave base_model_ema out"):
        check_base(BaseSource(source=source, ema=True))


def test_checking_imports_no_torch() -> None:
    code = "import sys; import dbsweep.models.sources; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
