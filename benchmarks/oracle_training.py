"""Training of the oracle: `python -m benchmarks.oracle_training` writes `benchmarks/data/oracle.safetensors`."""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.oracle import HEADS, WEIGHTS, Oracle
from dbsweep.minisd.paths import pipeline_path
from dbsweep.minisd.precision import fast_products
from dbsweep.minisd.train_autoencoder import to_tensor
from dbsweep.minisd.train_clip import augmented
from dbsweep.minisd.training_loop import Loop, LoopPlan, LossFn
from dbsweep.minisd.world import Renders, Sample, draw_samples, open_renders

SEED: Final = 77
"""Of the renders, `--seed`; another stream than the one that MiniSD is trained on (seed 0)."""
COUNT: Final = 16_000
BATCH: Final = 64
REDRAWN_SHARE: Final = 0.4
EMPHASIS: Final = {"beard": 4.0, "glasses": 2.0}
"""Weight in the loss of heads whose attribute is a few pixels; 1 for all others."""


def labels(samples: list[Sample]) -> dict[str, NDArray[np.int64]]:
    """Return the index of the true value of every head, (n,) each."""
    truth = [asdict(sample.subject) | {"style": sample.style} for sample in samples]
    return {name: np.array([values.index(row[name]) for row in truth]) for name, values in HEADS.items()}


def oracle_loss(oracle: Oracle, renders: Renders, truth: dict[str, NDArray[np.int64]], vae: AutoencoderKL) -> LossFn:
    """Return the loss of one step: cross-entropy over all heads, on renders of which some are redrawn."""

    def loss(generator: torch.Generator) -> Tensor:
        picks = torch.randint(len(renders), (BATCH,), generator=generator).sort().values.numpy()
        images = to_tensor(renders[picks])
        order = torch.randperm(BATCH, generator=generator)
        redrawn = order[: int(BATCH * REDRAWN_SHARE)]
        with torch.no_grad(), fast_products():
            latents = vae.encode(images[redrawn]).latent_dist.mean
            latents = latents + 0.25 * latents.std() * torch.rand(1, generator=generator) * torch.randn(
                latents.shape, generator=generator
            )
            images[redrawn] = vae.decode(latents).sample.float().clamp(-1, 1)
        contrast = 0.85 + 0.3 * torch.rand(BATCH, 1, 1, 1, generator=generator)
        with fast_products():
            logits = oracle(augmented(images, generator) * contrast)
        errors = [
            EMPHASIS.get(name, 1.0) * F.cross_entropy(logits[name].float(), torch.from_numpy(truth[name][picks]))
            for name in HEADS
        ]
        return torch.stack(errors).mean()

    return loss


def main() -> None:
    """Train the oracle and write its weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "oracle", help="working folder")
    parser.add_argument("--vae", type=Path, default=pipeline_path() / "vae", help="autoencoder that redraws renders")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=SEED, help="of the renders (default: %(default)s)")
    parser.add_argument("--go-on", action="store_true", help="start from the weights that are there")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    renders = open_renders(options.out / "renders.npy", options.seed, COUNT)
    vae = AutoencoderKL.from_pretrained(options.vae, torch_dtype=torch.float32)
    torch.manual_seed(options.seed)
    oracle = Oracle()
    if options.go_on:
        oracle.load_state_dict({name: value.float() for name, value in load_file(WEIGHTS).items()})
    plan = LoopPlan("oracle", options.steps, 2e-3, weight_decay=0.01, seed=options.seed)
    loss = oracle_loss(oracle, renders, labels(draw_samples(options.seed, COUNT)), vae)
    Loop(nn.ModuleDict({"oracle": oracle}), plan, options.out, lambda line: print(line, flush=True)).run(loss)
    WEIGHTS.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.half().contiguous() for name, value in oracle.state_dict().items()}, WEIGHTS)
    WEIGHTS.chmod(0o644)


if __name__ == "__main__":
    main()
