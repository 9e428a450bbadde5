"""The contrastive loss of the open_clip model on renders, clean and redrawn, and full captions."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import CLIPTokenizer

from dbsweep.minisd.captions import describe, describe_fully
from dbsweep.minisd.precision import fast_products
from dbsweep.minisd.train_autoencoder import to_tensor
from dbsweep.minisd.train_denoiser import Latents
from dbsweep.minisd.training_loop import LossFn
from dbsweep.minisd.world import Renders, Sample

BATCH: Final = 128
"""Pictures a step; contrasts do not cross workers, so it is trained by one."""
FULL_SHARE: Final = 0.75
"""Share of captions that name everything; the rest read like prompts."""
MAX_LOGIT_SCALE: Final = 50.0
REDRAWN_SHARE: Final = 0.4
"""Share of pictures that the autoencoder has drawn: what is to be scored later is never a clean render."""
REDRAWN_NOISE: Final = 0.25
"""Most noise in their latents, in standard deviations of these."""


@torch.no_grad()
def redraw_renders(
    vae: AutoencoderKL, latents: Latents, path: Path, seed: int, report: Callable[[str], None]
) -> Renders:
    """Return what the autoencoder makes of latents with some noise, from `path` if they were drawn before.

    Args:
        latents: (n, 8, 8, 8), the unscaled means of the renders.
        path: a `.npy` file; it appears under this name only when it is complete.
        seed: of the noise; each picture has an amount of its own, evenly from none to `REDRAWN_NOISE`.
    """
    if not path.exists():
        partial = path.with_suffix(".partial.npy")
        target = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=(len(latents), 64, 64, 3))
        generator = torch.Generator().manual_seed(seed)
        for start in range(0, len(latents), 64):
            means = torch.from_numpy(latents[start : start + 64]).float()
            amount = REDRAWN_NOISE * means.std() * torch.rand(len(means), 1, 1, 1, generator=generator)
            with fast_products():
                drawn = vae.decode(means + amount * torch.randn(means.shape, generator=generator)).sample.float()
            pixels = ((drawn.clamp(-1, 1) + 1) * 127.5).round().byte()
            target[start : start + len(means)] = pixels.permute(0, 2, 3, 1).numpy()
            if start % 8192 == 0:
                report(f"redrawn: {start}/{len(latents)}")
        target.flush()
        os.replace(partial, path)
    redrawn: Renders = np.load(path, mmap_mode="r")
    return redrawn


def augmented(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return (n, 3, 64, 64) images shifted by up to 3 pixels, some blurred, with a little noise."""
    padded = F.pad(images, (3, 3, 3, 3), mode="replicate")
    dx, dy = (int(v) for v in torch.randint(7, (2,), generator=generator))
    moved = padded[:, :, dy : dy + 64, dx : dx + 64]
    blurred = F.avg_pool2d(F.pad(moved, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    share = torch.rand(len(images), 1, 1, 1, generator=generator)
    share = torch.where(share > 0.6, (share - 0.6) * 2, torch.zeros_like(share))
    strength = 0.12 * torch.rand(len(images), 1, 1, 1, generator=generator) ** 2
    noise = torch.randn(images.shape, generator=generator) * strength
    return torch.lerp(moved, blurred, share) + noise


def contrastive_loss(image: Tensor, text: Tensor, scale: Tensor) -> Tensor:
    """Return the symmetric InfoNCE loss of matching (n, d) L2-normalised embeddings (Radford et al. 2021)."""
    logits = scale * image @ text.T
    target = torch.arange(len(logits))
    return 0.5 * (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target))


def _texts(samples: list[Sample], seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [describe_fully(s, rng) if rng.random() < FULL_SHARE else describe(s, rng).text for s in samples]


def clip_loss(
    model: nn.Module,
    renders: Renders,
    redrawn: Renders,
    samples: list[Sample],
    tokenizer: CLIPTokenizer,
    batch: int = BATCH,
) -> LossFn:
    """Return the loss of one step: augmented renders, some of them `redrawn`, against their captions."""
    clip: Any = model

    def loss(generator: torch.Generator) -> Tensor:
        picks = torch.randint(len(renders), (batch,), generator=generator).sort().values.numpy()
        texts = _texts([samples[int(i)] for i in picks], int(torch.randint(1 << 62, (1,), generator=generator)))
        ids = tokenizer(texts, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
        pictures = renders[picks]
        by_autoencoder = torch.rand(batch, generator=generator).numpy() < REDRAWN_SHARE
        pictures[by_autoencoder] = redrawn[picks[by_autoencoder]]
        contrast = 0.85 + 0.3 * torch.rand(batch, 1, 1, 1, generator=generator)
        images = augmented(to_tensor(pictures), generator) * contrast
        with fast_products(), sdpa_kernel(SDPBackend.MATH):
            image, text = clip.encode_image(images), clip.encode_text(ids)
        scale = clip.logit_scale.exp().clamp(max=MAX_LOGIT_SCALE)
        return contrastive_loss(F.normalize(image.float(), dim=-1), F.normalize(text.float(), dim=-1), scale)

    return loss
