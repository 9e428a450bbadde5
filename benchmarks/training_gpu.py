"""`python -m benchmarks.training_gpu [--peer PATH_TO_train_dreambooth.py]`: training and drawing on a GPU.

Networks of SD 1.5's shapes with random weights at 512 px: UNet and text encoder train in bf16 with AdamW on cached
latents, without class images. By batch size: images/s (median over the steps), peak memory beside the forecast of
`dbsweep plan`, and the share of the card's measured rate of a large bf16 matrix product. With ``--peer`` diffusers'
example script trains the same networks on as many photos, in the same process on the same card, and ``ratio`` is our
images/s over its.

``--small`` tries the command on the CPU with tiny networks; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from benchmarks.training_case import Case
from benchmarks.training_gpu_kernels import kernel_shares
from benchmarks.training_gpu_peer import PeerCase, load_script, median_seconds, step_ends
from benchmarks.training_gpu_scene import (
    PHOTOS,
    Scene,
    away,
    fresh_memory,
    matmul_rate,
    now,
    sd15_shaped,
    train_settings,
    write_for_peer,
)
from benchmarks.training_phases import trainer_of
from dbsweep.config.evaluate import DrawingPrecision
from dbsweep.errors import DbsweepError
from dbsweep.models.adapters import remove_adapters
from dbsweep.plan.memory.sizes import SD1
from dbsweep.plan.memory.training import training_memory
from dbsweep.sampling.denoising import Work
from dbsweep.sampling.request import ImageRequest
from dbsweep.sampling.sampler import draw

BATCHES: Final = (1, 4, 16, 32)
PEER_BATCHES: Final = (1, 4, 16)
STEPS: Final = 12
WARM_UP: Final = 4
"""Steps that are left out; passes are captured in the third."""
STEP_FLOP: Final = 3 * 0.80e12
"""Of the UNet for one image at 512 px: a forward pass of SD 1.5 is 0.80 TFLOP, a backward pass twice that."""

WAYS: Final[dict[str, dict[str, Any]]] = {
    "cuda_graphs false": {"cuda_graphs": False},
    "deterministic false": {"deterministic": False},
    "channels_last true": {"channels_last": True},
    "text_encoder frozen": {"text_encoder_ratio": 0.0},
    "LoRA of rank 16": {"lora_rank": 16, "learning_rate": 1e-4},
    "gradient_checkpointing": {"gradient_checkpointing": True},
    "adamw_8bit, gradient_checkpointing": {"optimizer": "adamw_8bit", "gradient_checkpointing": True},
}
"""Settings beside the case that is measured for all batch sizes."""
WAYS_BATCH: Final = 16
FASTEST: Final[dict[str, dict[str, Any]]] = {
    "deterministic false": {"deterministic": False},
    "deterministic false, compile true": {"deterministic": False, "compile": True},
}
"""Settings for the most images/s. The compiler's minutes are in the first step, which is not measured."""
FASTEST_BATCH: Final = 64

_PRECISIONS: Final[tuple[DrawingPrecision, ...]] = ("fp32", "fp16")


def measured(scene: Scene, batch: int, **changes: object) -> dict[str, float]:
    """A fresh trainer on the scene's networks."""
    train = train_settings(scene, batch, **changes)
    with fresh_memory():
        trainer = trainer_of(scene.models, train, Case(STEPS, text_encoder=train.text_encoder_ratio > 0), photos=PHOTOS)
        ends: list[float] = []
        trainer.train_until(WARM_UP + STEPS, lambda _: ends.append(now()))
        memory = torch.cuda.max_memory_allocated() if scene.device.type == "cuda" else 0
        del trainer
    remove_adapters(scene.models.networks)
    seconds = median_seconds(ends, WARM_UP)
    forecast = training_memory(train, SD1, prompts=1, scoring_bytes=0)
    return {
        "images_per_s": round(batch / seconds, 2),
        "ms_per_step": round(1e3 * seconds, 1),
        "share_of_matmul_rate": round(batch / seconds * STEP_FLOP / scene.rate, 3),
        "memory_gib": round(memory / 2**30, 2),
        "forecast_gib": round((forecast.total - forecast.reserve) / 2**30, 2),
    }


def drawing(scene: Scene) -> dict[str, dict[str, float]]:
    """UNet evaluations a second of 8 guided images, by precision, and how far the pictures are from float32's."""
    steps = 8 if scene.device.type == "cuda" else 1
    requests = [
        ImageRequest("photo of man", "", seed, 7.5, steps, "DPM++ 2M Karras", scene.resolution, scene.resolution)
        for seed in range(8)
    ]
    found: dict[str, dict[str, float]] = {}
    exact = None
    for precision in _PRECISIONS:
        draw(scene.models, requests[:2], precision=precision)
        begun, work = now(), Work()
        images = draw(scene.models, requests, precision=precision, work=work)
        seconds = now() - begun
        exact = images if exact is None else exact
        apart = [np.abs(one.astype(float) - other).mean() for one, other in zip(images, exact, strict=True)]
        found[precision] = {
            "unet_evaluations_per_s": round(work.unet_evaluations / seconds, 1),
            "levels_from_fp32": round(float(np.mean(apart)), 3),
        }
    return found


def measured_peer(script: Path, scene: Scene, folders: tuple[Path, Path], batch: int, out: Path) -> dict[str, float]:
    """The script on the same networks, photos and batch."""
    case = PeerCase(*folders, resolution=scene.resolution, precision="bf16", batch_size=batch)
    ends, memory = step_ends(load_script(script), case, out, WARM_UP + STEPS)
    seconds = median_seconds(ends, WARM_UP)
    return {
        "images_per_s": round(batch / seconds, 2),
        "ms_per_step": round(1e3 * seconds, 1),
        "memory_gib": round(memory / 2**30, 2),
    }


def measure(
    scene: Scene,
    batches: Sequence[int],
    script: Path | None,
    peer_batches: Sequence[int],
    tell: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Everything; `tell` gets all that is known after each figure, for a machine that may be taken away before."""
    on_gpu = scene.device.type == "cuda"
    found: dict[str, Any] = {
        "card": torch.cuda.get_device_name() if on_gpu else "none: the figures mean nothing",
        "torch": torch.__version__,
        "matmul_tflops": round(scene.rate / 1e12, 1),
    }

    def add(key: str, value: object) -> None:
        found[key] = value
        tell(found)

    for batch in batches:
        add(f"batch_{batch}", _attempt(lambda batch=batch: measured(scene, batch)))
    add("drawing", _attempt(lambda: drawing(scene)))
    if script is not None:
        with tempfile.TemporaryDirectory() as name:
            folders, out = write_for_peer(scene, Path(name)), Path(name) / "out"
            with away(scene.models):
                for batch in peer_batches:
                    peer = _attempt(lambda batch=batch: measured_peer(script, scene, folders, batch, out))
                    add(f"peer_batch_{batch}", peer)
                    ours = found.get(f"batch_{batch}", {})
                    if "images_per_s" in ours and "images_per_s" in peer:
                        add(f"ratio_batch_{batch}", round(ours["images_per_s"] / peer["images_per_s"], 2))
    for way, changes in WAYS.items():
        if on_gpu or "8bit" not in way:  # minutes on the CPU
            add(f"batch_{WAYS_BATCH}, {way}", _attempt(lambda changes=changes: measured(scene, WAYS_BATCH, **changes)))
    if on_gpu:
        for way, changes in FASTEST.items():
            fastest = _attempt(lambda changes=changes: measured(scene, FASTEST_BATCH, **changes))
            add(f"batch_{FASTEST_BATCH}, {way}", fastest)
        add(f"kernels_ms_batch_{WAYS_BATCH}", _attempt(lambda: kernel_shares(scene, WAYS_BATCH, WARM_UP)))
    return found


def _attempt(work: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """What it gives, or why it failed: out of memory, say."""
    try:
        return work()
    except (RuntimeError, DbsweepError) as error:
        return {"failed": " ".join(str(error).split())[:200]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 2 without a GPU."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training_gpu", description=__doc__)
    parser.add_argument("--peer", type=Path, help="diffusers' train_dreambooth.py")
    parser.add_argument("--batches", type=int, nargs="+", default=list(BATCHES))
    parser.add_argument("--peer-batches", type=int, nargs="+", default=list(PEER_BATCHES))
    parser.add_argument("--small", action="store_true", help="try the command on the CPU with tiny networks")
    parser.add_argument("--out", type=Path, help="file for the result as JSON, written anew after each figure")
    given = parser.parse_args(arguments)
    if not given.small and not torch.cuda.is_available():
        print("benchmarks.training_gpu: there is no GPU here; --small tries the command without one", file=sys.stderr)
        return 2
    resolution = 64 if given.small else 512
    models = sd15_shaped("cpu" if given.small else "cuda", small=given.small)
    scene = Scene(models, resolution, 1e12 if given.small else matmul_rate())

    def tell(found: dict[str, Any]) -> None:
        key = list(found)[-1]
        print(f"{key}: {json.dumps(found[key])}", file=sys.stderr, flush=True)
        write(found, is_whole=False)

    def write(found: dict[str, Any], *, is_whole: bool) -> None:
        stamp = {"is_whole": is_whole, "date": datetime.date.today().isoformat(), "command": _command(given)}
        if given.out is not None:
            given.out.write_text(json.dumps({**found, **stamp}, indent=1) + "\n", encoding="utf-8")

    found = measure(scene, given.batches, given.peer, given.peer_batches, tell)
    write(found, is_whole=True)
    print(json.dumps(found, indent=1))
    return 0


def _command(given: argparse.Namespace) -> str:
    batches, peer_batches = (" ".join(map(str, each)) for each in (given.batches, given.peer_batches))
    peer = f" --peer {given.peer.name} --peer-batches {peer_batches}" if given.peer is not None else ""
    return f"python -m benchmarks.training_gpu{peer} --batches {batches}"


if __name__ == "__main__":
    sys.exit(main())
