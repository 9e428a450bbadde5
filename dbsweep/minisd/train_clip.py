"""The contrastive loss of the open_clip model on renders and full captions."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import CLIPTokenizer

from dbsweep.minisd.captions import describe, describe_fully
from dbsweep.minisd.precision import fast_products
from dbsweep.minisd.train_autoencoder import to_tensor
from dbsweep.minisd.training_loop import LossFn
from dbsweep.minisd.world import Renders, Sample

BATCH: Final = 128
"""Pictures a step; contrasts do not cross workers, so it is trained by one."""
FULL_SHARE: Final = 0.75
"""Share of captions that name everything; the rest read like prompts."""
MAX_LOGIT_SCALE: Final = 50.0


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
    model: nn.Module, renders: Renders, samples: list[Sample], tokenizer: CLIPTokenizer, batch: int = BATCH
) -> LossFn:
    """Return the loss of one step: augmented renders against their captions."""
    clip: Any = model

    def loss(generator: torch.Generator) -> Tensor:
        picks = torch.randint(len(renders), (batch,), generator=generator).sort().values.numpy()
        texts = _texts([samples[int(i)] for i in picks], int(torch.randint(1 << 62, (1,), generator=generator)))
        ids = tokenizer(texts, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
        images = augmented(to_tensor(renders[picks]), generator)
        with fast_products(), sdpa_kernel(SDPBackend.MATH):
            image, text = clip.encode_image(images), clip.encode_text(ids)
        scale = clip.logit_scale.exp().clamp(max=MAX_LOGIT_SCALE)
        return contrastive_loss(F.normalize(image.float(), dim=-1), F.normalize(text.float(), dim=-1), scale)

    return loss
