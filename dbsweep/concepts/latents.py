"""Images as latents of the model's autoencoder, encoded once and kept on disk by content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from dbsweep.concepts.files import write_whole
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.hashes import weights_sha256

PIXELS_PER_BATCH = 2 * 512 * 512
"""How many pixels are encoded at once: bounds memory, and depends on nothing but the resolution."""


@dataclass(frozen=True, slots=True)
class LatentMoments:
    """The autoencoder's posterior of n images, before scaling; training samples from it at every use.

    Attributes:
        mean: (n, c, h, w) float32 on the CPU.
        logvar: (n, c, h, w) float32 on the CPU, clamped to [-30, 20] by the autoencoder.
    """

    mean: torch.Tensor
    logvar: torch.Tensor

    def __len__(self) -> int:
        return len(self.mean)

    def first(self, count: int) -> LatentMoments:
        """The moments of the first images."""
        return LatentMoments(self.mean[:count], self.logvar[:count])


def encode_photos(models: StableDiffusion, images: Sequence[npt.NDArray[np.uint8]]) -> LatentMoments:
    """Encodes images, each by itself the same whatever its neighbours: batches have one size, padded if need be.

    Args:
        models: whose autoencoder, where it stands.
        images: n images (h, w, 3) uint8, all of one size.
    """
    if not images:
        raise ValueError("no images to encode")
    batch_size = min(16, max(1, PIXELS_PER_BATCH // (images[0].shape[0] * images[0].shape[1])))
    parts = [_encode_batch(models, images[i : i + batch_size], batch_size) for i in range(0, len(images), batch_size)]
    return _concatenate(parts)


def cached_latents(cache_dir: Path, models: StableDiffusion, images: Sequence[npt.NDArray[np.uint8]]) -> LatentMoments:
    """As `encode_photos`, but each image is encoded once for all runs and processes that share the folder.

    A file is named by what determines its content: the pixels, the autoencoder's weights and the resolution. It
    appears whole or not at all, so several processes may fill the folder at once; a damaged file is made again.
    """
    if not images:
        raise ValueError("no images to encode")
    vae_sha256 = weights_sha256({"vae": models.vae})
    paths = [cache_dir / f"{latent_key(image, vae_sha256)}.safetensors" for image in images]
    shape = models.latent_shape(*images[0].shape[:2])
    found = {path: moments for path in paths if (moments := _read(path, shape)) is not None}
    missing = {path: image for path, image in zip(paths, images, strict=True) if path not in found}
    if missing:
        encoded = encode_photos(models, list(missing.values()))
        for index, path in enumerate(missing):
            moments = LatentMoments(encoded.mean[index : index + 1], encoded.logvar[index : index + 1])
            write_whole(path, save({"mean": moments.mean.contiguous(), "logvar": moments.logvar.contiguous()}))
            found[path] = moments
    return _concatenate([found[path] for path in paths])


def latent_key(image: npt.NDArray[np.uint8], vae_sha256: str) -> str:
    """SHA-256 of the pixels, their resolution and the autoencoder's weights, in hex."""
    digest = hashlib.sha256(f"latent moments 1\n{vae_sha256}\n{image.shape}\n".encode())
    digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


@torch.no_grad()
def _encode_batch(models: StableDiffusion, images: Sequence[npt.NDArray[np.uint8]], batch_size: int) -> LatentMoments:
    pixels = np.zeros((batch_size, *images[0].shape), dtype=np.uint8)
    pixels[: len(images)] = np.stack(images)
    batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(models.device, models.vae.dtype) / 127.5 - 1.0
    posterior = models.vae.encode(batch).latent_dist
    moments = LatentMoments(posterior.mean.float().cpu(), posterior.logvar.float().cpu())
    return moments.first(len(images))


def _concatenate(parts: Sequence[LatentMoments]) -> LatentMoments:
    return LatentMoments(torch.cat([p.mean for p in parts]), torch.cat([p.logvar for p in parts]))


def _read(path: Path, shape: tuple[int, int, int]) -> LatentMoments | None:
    """The moments of one image, or None where there is no whole file."""
    try:
        tensors = load_file(path)
    except (FileNotFoundError, SafetensorError):
        return None
    if tensors.keys() != {"mean", "logvar"} or any(t.shape != (1, *shape) for t in tensors.values()):
        return None
    return LatentMoments(**tensors)
