"""Files of models from the hub or from its cache on this machine; needs no torch."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeAlias

from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

from dbsweep.errors import DiskError, ModelError
from dbsweep.models.sources import NETWORKS, BaseSource, check_folder

CONFIG_FILES = ("model_index.json", "scheduler/*.json", "tokenizer/*", "*/config.json")
Kinds: TypeAlias = tuple[tuple[str, ...], ...]
"""Patterns of the files in which a repository may have the same weights, the best first."""


def _kinds(stem: str, pickle: str) -> Kinds:
    """Whole or in parts, the half precision where there is no other, pickles last: no weights are fetched twice."""
    return (
        (f"{stem}.safetensors",),
        (f"{stem}-*-of-?????.safetensors", f"{stem}.safetensors.index.json"),
        (f"{stem}.fp16*.safetensors", f"{stem}-*.fp16.safetensors", f"{stem}.safetensors.index.fp16.json"),
        (f"{pickle}.bin",),
        (f"{pickle}-*.bin", f"{pickle}.bin.index.json"),
    )


_STEM = "diffusion_pytorch_model"
WEIGHTS = (
    _kinds(f"unet/{_STEM}", f"unet/{_STEM}"),
    _kinds(f"vae/{_STEM}", f"vae/{_STEM}"),
    _kinds("text_encoder/model", "text_encoder/pytorch_model"),
)
"""Of a whole model, its safety checker left out."""
ANY_WEIGHTS = tuple((f"{name}/*.safetensors", f"{name}/*.bin") for name in NETWORKS)
VAE_CONFIG = "config.json"
VAE_WEIGHTS = (_kinds(_STEM, _STEM),)
ANY_VAE_WEIGHTS = (("*.safetensors", "*.bin"),)

MODEL_WEIGHTS = (_kinds("model", "pytorch_model"),)
ANY_MODEL_WEIGHTS = (("model*.safetensors", "pytorch_model*.bin"),)
"""Of a network that is a repository by itself, as transformers and timm save it."""

_TIMEOUT_S = 10.0
# Its bases are OSError and the error of its HTTP library, which a proxy's and a broken connection's are too; its
# transfer library (hf_xet) raises RuntimeError as well.
_HUB_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    RuntimeError,
    ValueError,
    *(base for base in HfHubHTTPError.__bases__ if issubclass(base, Exception)),
)


def check_hub(base: BaseSource) -> None:
    """Fetches the configuration of what is named by a hub id, base model or VAE, so that a wrong one is found at once.

    Its weights are the workers' to fetch; where the hub does not answer, they have to be in its cache already.

    Raises:
        ModelError: it is not to be had, is no Stable Diffusion 1.x or 2.x, or no VAE.
        DiskError: as `download`.
    """
    if not Path(base.source).exists():
        folder = download(base.source, CONFIG_FILES, later=ANY_WEIGHTS)
        check_folder(folder, base.source, needs_weights=False)
    if base.vae is not None and not Path(base.vae).exists():
        folder = download(base.vae, (VAE_CONFIG,), f"vae {base.vae}", later=ANY_VAE_WEIGHTS)
        if not (folder / VAE_CONFIG).is_file():
            raise ModelError(f"vae {base.vae}: not an autoencoder's repository, it has no {VAE_CONFIG}")


def download(
    hub_id: str,
    files: Sequence[str],
    what: str | None = None,
    *,
    weights: Sequence[Kinds] = (),
    later: Sequence[Sequence[str]] = (),
) -> Path:
    """The folder of a repository with the files of these patterns.

    Args:
        what: the model as messages name it, if not as the base model of this hub id.
        weights: of each of these the best kind that the repository has is fetched too.
        later: patterns of what will be asked for later, alternatives together: the hub must have it, or without the
            hub its cache.

    Raises:
        ModelError: the hub does not answer, or has no such repository, or not for everybody, and neither has the cache;
            or the repository has no weights.
        DiskError: there is no room for them.
    """
    what = f"base model {hub_id}" if what is None else what
    try:
        # The next line asks the same without a timeout, and waits minutes for a hub that does not answer.
        info = HfApi().model_info(hub_id, revision=constants.DEFAULT_REVISION, timeout=_TIMEOUT_S)
        names = [sibling.rfilename for sibling in info.siblings or ()]
        lacks = [" or ".join(group) for group in later if not _matching(names, group)]
        if lacks:
            raise ModelError(f"{what}: the hub has it without weights, it lacks {', '.join(lacks)}; take another")
        return Path(snapshot_download(hub_id, allow_patterns=[*files, *_best(weights, names)]))
    except _HUB_ERRORS as error:
        if any(os.strerror(code) in str(error) for code in (errno.ENOSPC, errno.EDQUOT)):  # hf_xet tells no errno
            raise DiskError(
                f"{what}: no disk space left to download it to {constants.HF_HUB_CACHE}: free some, or "
                "set HF_HOME to a folder on another disk"
            ) from error
        refusal = error
    folder = find_cached(hub_id, [*files, *_best(weights, ())])
    if folder is None:
        raise ModelError(f"{what}: no such folder here, and {_why_not(hub_id, refusal)}") from refusal
    lacks = [" or ".join(group) for group in later if not _has_any(folder, group)]
    if lacks:
        raise ModelError(
            f"{what}: the hub's cache here has its configuration, but not its weights ({', '.join(lacks)}); "
            f"{_why_not(hub_id, refusal)}"
        ) from refusal
    return folder


def _best(weights: Sequence[Kinds], names: Sequence[str]) -> list[str]:
    """Patterns of the first kind that there is; of the very first where there is none."""
    found = (next((kind for kind in kinds if _matching(names, kind)), kinds[0]) for kinds in weights)
    return [pattern for kind in found for pattern in kind]


def _matching(names: Sequence[str], patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _has_any(folder: Path, patterns: Sequence[str]) -> bool:
    return any(file.exists() for pattern in patterns for file in folder.glob(pattern))  # a link may lead nowhere


def find_cached(hub_id: str, files: Sequence[str]) -> Path | None:
    """The folder of a repository in the hub's cache on this machine; None where it is not there, or known to lack some.

    The hub is not asked.
    """
    try:
        return Path(snapshot_download(hub_id, allow_patterns=list(files), local_files_only=True))
    except _HUB_ERRORS:
        return None


def _why_not(hub_id: str, refusal: Exception) -> str:
    match refusal:
        case GatedRepoError():
            return (
                "the hub gives it only to those who have accepted its terms: accept them on its page there, then log "
                "in with `hf auth login`"
            )
        case RepositoryNotFoundError():
            return "the hub has none of this name for you; check the name, or `hf auth login` where it is private"
    reason = " ".join(f"{type(refusal).__name__}: {refusal}".split())[:200]
    return f"not to be had from the hub or its local cache ({reason}); check the name, the network and HF_HUB_OFFLINE"
