"""The first training of the text encoder: against pictures, as SD's came from CLIP, before the denoiser reads it.

A denoiser alone teaches words slowly: after 100,000 pictures it knew styles and classes and no hair colour. Here the
states that end a prompt learn to match the open_clip embedding of a picture and to tell which attributes are named.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import CLIPTokenizer

from dbsweep.minisd.architecture import CLIP_CONFIG, TEXT_WIDTH, new_text_encoder
from dbsweep.minisd.attributes import STYLES, SUBJECT_VALUES
from dbsweep.minisd.captions import Caption, training_caption
from dbsweep.minisd.precision import fast_products
from dbsweep.minisd.train_autoencoder import to_tensor
from dbsweep.minisd.train_clip import contrastive_loss
from dbsweep.minisd.training_loop import LossFn
from dbsweep.minisd.world import Renders, Sample

BATCH: Final = 64
"""Captions a step and worker."""
SCALE: Final = 25.0
"""Inverse temperature of the contrast."""
NAMEABLE: Final[dict[str, tuple[str, ...]]] = {"style": STYLES, **SUBJECT_VALUES}

Embeddings = NDArray[np.float32]
"""(n, 128) float32, L2-normalised open_clip embeddings of pictures."""


class _Readout(nn.Module):
    """Linear readings of a state: the embedding of a picture, and each attribute with its value or as unnamed."""

    def __init__(self) -> None:
        super().__init__()
        self.picture = nn.Linear(TEXT_WIDTH, CLIP_CONFIG["model_cfg"]["embed_dim"])
        self.named = nn.ModuleDict({name: nn.Linear(TEXT_WIDTH, 1 + len(v)) for name, v in NAMEABLE.items()})


def new_text_training(tokenizer: CLIPTokenizer, seed: int) -> nn.ModuleDict:
    """Return the untrained text encoder with the readings that train it, as `text_encoder` and `readout`."""
    torch.manual_seed(seed)
    return nn.ModuleDict({"text_encoder": new_text_encoder(tokenizer), "readout": _Readout()})


@torch.no_grad()
def embed_renders(folder: Path, renders: Renders) -> Embeddings:
    """Return what the open_clip model in `folder` sees in `renders`."""
    clip: Any = open_clip.create_model(f"local-dir:{folder}", precision="fp32").eval()
    parts = []
    for start in range(0, len(renders), 200):
        with fast_products():
            image = clip.encode_image(to_tensor(renders[start : start + 200]))
        parts.append(F.normalize(image.float(), dim=-1))
    embeddings: Embeddings = torch.cat(parts).numpy()
    return embeddings


def named_targets(captions: list[Caption]) -> dict[str, Tensor]:
    """Return for every attribute the index of the value that each caption names, 0 for unnamed, (n,) int64."""
    return {
        name: torch.tensor([1 + values.index(c.named[name]) if name in c.named else 0 for c in captions])
        for name, values in NAMEABLE.items()
    }


def text_loss(
    modules: nn.ModuleDict, embeddings: Embeddings, samples: list[Sample], tokenizer: CLIPTokenizer, batch: int = BATCH
) -> LossFn:
    """Return the loss of one step, read from the state that ends the words and from a state of the padding."""
    text_encoder: Any = modules["text_encoder"]
    readout: Any = modules["readout"]

    def loss(generator: torch.Generator) -> Tensor:
        picks = torch.randint(len(embeddings), (batch,), generator=generator)
        rng = np.random.default_rng(int(torch.randint(1 << 62, (1,), generator=generator)))
        captions = [training_caption(samples[int(i)], rng) for i in picks]
        texts = [caption.text for caption in captions]
        ids = tokenizer(texts, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
        with fast_products(), sdpa_kernel(SDPBackend.MATH):
            states = text_encoder(ids).last_hidden_state.float()
        ends = (ids == tokenizer.eos_token_id).int().argmax(dim=1)
        padding = torch.randint(45, 77, (batch,), generator=generator)
        pictures, targets = torch.from_numpy(embeddings[picks.numpy()]), named_targets(captions)
        total = torch.zeros(())
        for place in (ends, torch.maximum(ends, padding)):
            state = states[torch.arange(batch), place]
            match = F.normalize(readout.picture(state), dim=-1)
            total = total + 0.3 * contrastive_loss(match, pictures, torch.tensor(SCALE))
            read = [F.cross_entropy(readout.named[name](state), target) for name, target in targets.items()]
            total = total + torch.stack(read).mean()
        return total

    return loss
