"""Files of base models from the hub or from its cache on this machine; needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.constants import DEFAULT_REVISION
from huggingface_hub.errors import HfHubHTTPError

from dbsweep.errors import ModelError

CONFIG_FILES = ("model_index.json", "scheduler/*.json", "tokenizer/*", "*/config.json")
# No safety checker, no pickles, no second precision of the same weights.
WEIGHT_FILES = (
    "unet/diffusion_pytorch_model.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
    "text_encoder/model.safetensors",
)
VAE_FILES = ("config.json", "diffusion_pytorch_model.safetensors")

_TIMEOUT_S = 10.0
# Its bases are OSError and the error of its HTTP library, which a proxy's and a broken connection's are too.
_HUB_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    ValueError,
    *(base for base in HfHubHTTPError.__bases__ if issubclass(base, Exception)),
)


def download(hub_id: str, files: Sequence[str]) -> Path:
    """The folder of a repository with the files of these patterns.

    Raises:
        ModelError: the hub does not answer, or has no such repository, and neither has the cache.
    """
    try:
        # The next line asks the same without a timeout, and waits minutes for a hub that does not answer.
        HfApi().model_info(hub_id, revision=DEFAULT_REVISION, timeout=_TIMEOUT_S)
        return Path(snapshot_download(hub_id, allow_patterns=list(files)))
    except _HUB_ERRORS as error:
        refusal = error
    try:
        return Path(snapshot_download(hub_id, allow_patterns=list(files), local_files_only=True))
    except _HUB_ERRORS:
        raise ModelError(
            f"base model {hub_id}: no such folder here, and not to be had from the hub or its local cache; "
            "check the name, the network and HF_HUB_OFFLINE"
        ) from refusal
