"""The hub is asked once and briefly; without its answer the cache has its say."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from huggingface_hub import HfApi
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError
from safetensors.torch import load_file

from dbsweep.errors import DiskError, ModelError
from dbsweep.models import hub
from dbsweep.models.hub import CONFIG_FILES, VAE_CONFIG, WEIGHTS, check_hub, download
from dbsweep.models.loading import load_base
from dbsweep.models.sources import BaseSource

HTTP_ERROR = next(base for base in HfHubHTTPError.__bases__ if base is not OSError)
"""Of the library by which huggingface_hub asks."""


def snapshot(cache: Path, hub_id: str) -> Path:
    """A repository in the cache, empty."""
    repository = cache / f"models--{hub_id.replace('/', '--')}"
    folder = repository / "snapshots" / ("0" * 40)
    folder.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    return folder


def tell_files(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """What the hub says that every repository has."""
    info = SimpleNamespace(siblings=[SimpleNamespace(rfilename=name) for name in names])
    monkeypatch.setattr(HfApi, "model_info", lambda *_, **__: info)


@pytest.mark.parametrize("error", [ConnectionError, TimeoutError, HTTP_ERROR])
def test_a_hub_that_does_not_answer_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    asked: list[float | None] = []

    def model_info(self: HfApi, repo_id: str, *, timeout: float | None = None, **others: Any) -> None:
        asked.append(timeout)
        raise error("no answer")

    monkeypatch.setattr(HfApi, "model_info", model_info)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    folder = snapshot(tmp_path, "somebody/known")
    assert download("somebody/known", CONFIG_FILES) == folder
    with pytest.raises(ModelError, match=r"base model somebody/new: .* check the name, the network and HF_HUB_OFFLINE"):
        download("somebody/new", CONFIG_FILES)
    with pytest.raises(ModelError, match="vae somebody/new: no such folder here, and not to be had from the hub"):
        check_hub(BaseSource(source=str(tmp_path), vae="somebody/new"))
    assert len(asked) == 3
    assert all(timeout is not None and timeout <= 10 for timeout in asked)


def test_a_cache_with_the_configuration_alone_will_not_do_without_the_hub(
    tiny_sd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HfApi, "model_info", Mock(side_effect=ConnectionError("no answer")))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    base = shutil.copytree(tiny_sd, snapshot(tmp_path, "somebody/sd"), dirs_exist_ok=True)
    vae = snapshot(tmp_path, "somebody/vae")
    shutil.copy(tiny_sd / "vae" / VAE_CONFIG, vae)
    (vae / "diffusion_pytorch_model.safetensors").symlink_to(tmp_path / "gone")
    check_hub(BaseSource(source="somebody/sd"))
    message = r"vae somebody/vae: the hub's cache here has its configuration, but not its weights .*no answer"
    with pytest.raises(ModelError, match=message):
        check_hub(BaseSource(source="somebody/sd", vae="somebody/vae"))
    for weights in base.glob("unet/*.safetensors"):
        weights.unlink()
    with pytest.raises(ModelError, match=r"base model somebody/sd: .* not its weights \(unet/\*\.safetensors or "):
        check_hub(BaseSource(source="somebody/sd"))


def test_a_hub_that_answers_is_fetched_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot_download(repo_id: str, *, allow_patterns: list[str]) -> str:
        assert (repo_id, allow_patterns) == ("somebody/new", ["config.json"])
        return str(tmp_path)

    tell_files(monkeypatch)
    monkeypatch.setattr(hub, "snapshot_download", snapshot_download)
    assert download("somebody/new", ("config.json",)) == tmp_path


def allowed(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """As the hub's library chooses."""
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


UNET, VAE, TEXT = "unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model"
PLAIN = tuple(f"{stem}.safetensors" for stem in (VAE, TEXT))
PARTS = (f"{UNET}-00001-of-00002.safetensors", f"{UNET}-00002-of-00002.safetensors", f"{UNET}.safetensors.index.json")
OLDER_HALF_PARTS = (f"{UNET}-00001-of-00001.fp16.safetensors", f"{UNET}.safetensors.index.fp16.json")
HALF_PARTS = (f"{UNET}.fp16-00001-of-00001.safetensors", f"{UNET}.safetensors.index.fp16.json")


@pytest.mark.parametrize(
    ("has", "wanted"),
    [
        ((f"{UNET}.safetensors", f"{UNET}.fp16.safetensors", f"{UNET}.bin"), (f"{UNET}.safetensors",)),
        ((f"{UNET}.safetensors", f"{UNET}.non_ema.safetensors"), (f"{UNET}.safetensors",)),
        ((*PARTS, f"{UNET}.fp16.safetensors"), PARTS),
        ((f"{UNET}.fp16.safetensors", f"{UNET}.bin"), (f"{UNET}.fp16.safetensors",)),
        ((*HALF_PARTS, f"{UNET}.fp16.bin"), HALF_PARTS),
        (OLDER_HALF_PARTS, OLDER_HALF_PARTS),
        ((*PARTS, *OLDER_HALF_PARTS), PARTS),
        ((f"{UNET}.bin", f"{UNET}.non_ema.bin", "v1-5.ckpt"), (f"{UNET}.bin",)),
    ],
)
def test_of_the_kinds_of_weights_the_best_is_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, has: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    """The UNet of a repository in one of several ways, beside the plain files of the others."""

    def snapshot_download(repo_id: str, *, allow_patterns: list[str]) -> str:
        assert set(allowed([*has, *PLAIN], allow_patterns)) == {*wanted, *PLAIN}
        return str(tmp_path)

    tell_files(monkeypatch, *has, *PLAIN)
    monkeypatch.setattr(hub, "snapshot_download", snapshot_download)
    assert download("somebody/new", (), weights=WEIGHTS) == tmp_path


def test_a_repository_of_pickles_is_fetched_and_loaded(
    tiny_sd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As most were in 2022."""
    folder = Path(shutil.copytree(tiny_sd, tmp_path / "sd"))
    for file in folder.rglob("*.safetensors"):
        stem = "pytorch_model" if file.parent.name == "text_encoder" else file.stem
        torch.save(load_file(file), file.with_name(f"{stem}.bin"))
        file.unlink()
    names = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]

    def snapshot_download(repo_id: str, *, allow_patterns: list[str]) -> str:
        got = tmp_path / "got"
        for name in allowed(names, allow_patterns):
            (got / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / name, got / name)
        return str(got)

    tell_files(monkeypatch, *names)
    monkeypatch.setattr(hub, "snapshot_download", snapshot_download)
    assert load_base("somebody/old").sha256 == load_base(str(tiny_sd)).sha256


def test_a_repository_without_weights_is_told_before_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    tell_files(monkeypatch, "model_index.json", f"{UNET}.safetensors", f"{VAE}.bin", "pytorch_lora_weights.safetensors")
    message = (
        r"base model me/lora: the hub has it without weights, it lacks text_encoder/\*\.safetensors or text_encoder"
    )
    with pytest.raises(ModelError, match=message):
        check_hub(BaseSource(source="me/lora"))


def refuse(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the hub has is told, and then not given; nothing is cached."""

    def snapshot_download(repo_id: str, *, local_files_only: bool = False, **others: Any) -> str:
        raise LocalEntryNotFoundError("not cached") if local_files_only else error

    tell_files(monkeypatch)
    monkeypatch.setattr(hub, "snapshot_download", snapshot_download)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (GatedRepoError, r"accepted its terms: accept them on its page there, then log in"),
        (RepositoryNotFoundError, "the hub has none of this name for you; check the name"),
    ],
)
def test_why_the_hub_gives_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch, kind: type[HfHubHTTPError], message: str
) -> None:
    refuse(kind("403 Client Error.", response=Mock()), monkeypatch)
    with pytest.raises(ModelError, match=message):
        download("somebody/new", CONFIG_FILES)


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), RuntimeError("No space left on device (os error 28)")],
    ids=["http", "xet"],
)
def test_a_full_disk_is_no_fault_of_the_name(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    refuse(error, monkeypatch)
    with pytest.raises(DiskError, match=r"base model somebody/new: no disk space left to download it to .*: free some"):
        download("somebody/new", CONFIG_FILES)


def test_what_is_named_by_hub_ids_is_checked_by_its_configuration(
    tiny_sd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_has = {"somebody/sd": tiny_sd, "somebody/vae": tiny_sd / "vae", "somebody/else": tmp_path}
    asked = []

    def fetch(hub_id: str, files: tuple[str, ...], what: str = "", *, later: tuple[tuple[str, ...], ...]) -> Path:
        assert len(later) == (3 if files == CONFIG_FILES else 1)
        asked.append((hub_id, files))
        return hub_has[hub_id]

    monkeypatch.setattr(hub, "download", fetch)
    check_hub(BaseSource(source="somebody/sd", vae="somebody/vae"))
    assert asked == [("somebody/sd", CONFIG_FILES), ("somebody/vae", (VAE_CONFIG,))]
    with pytest.raises(ModelError, match="somebody/else: not a diffusers pipeline's repository, it lacks unet/config"):
        check_hub(BaseSource(source="somebody/else"))
    with pytest.raises(ModelError, match=r"vae somebody/else: not an autoencoder's repository"):
        check_hub(BaseSource(source="somebody/sd", vae="somebody/else"))
    asked.clear()
    check_hub(BaseSource(source=str(tiny_sd), vae=str(tiny_sd / "vae")))
    assert asked == []
