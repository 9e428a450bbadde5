"""Where a GPU's time goes in a training step, by kind of kernel."""

from __future__ import annotations

import sys
from typing import Any, Final

from benchmarks.training_case import Case
from benchmarks.training_gpu_scene import PHOTOS, Scene, fresh_memory, now, train_settings
from benchmarks.training_phases import trainer_of

STEPS: Final = 6
"""That are looked at."""

KINDS: Final = {
    "attention": ("sdpa", "flash", "fmha", "attention"),
    "convolution": ("conv", "fprop", "dgrad", "wgrad", "implicit_gemm", "cudnn"),
    "matrix product": ("gemm", "nvjet", "cutlass", "matmul"),
    "layout": ("nchwtonhwc", "nhwctonchw", "transpose"),
    "norms": ("norm", "gammabeta", "rowwisemoments", "welford"),
    "optimizer": ("fusedopti", "multi_tensor", "lpnorm"),
    "copies and casts": ("copy",),
}
"""Words in the names of CUDA kernels; the first kind that has one counts."""


def kernel_shares(scene: Scene, batch: int, warm_up: int) -> dict[str, float]:
    """The time of a step on the GPU by kind of kernel, in milliseconds; the longest kernels are told on stderr.

    Args:
        warm_up: steps that are left out.
    """
    from torch.profiler import ProfilerActivity, profile

    with fresh_memory():
        train = train_settings(scene, batch)
        trainer = trainer_of(scene.models, train, Case(STEPS, text_encoder=True), photos=PHOTOS)
        trainer.train_until(warm_up)
        with profile(activities=[ProfilerActivity.CUDA]) as profiled:
            trainer.train_until(warm_up + STEPS)
            now()
        del trainer
    found: dict[str, float] = {}
    events = [event for event in profiled.key_averages() if event.self_device_time_total > 0]
    for event in events:
        found[kind_of(event.key)] = found.get(kind_of(event.key), 0.0) + _milliseconds(event)
    for event in sorted(events, key=lambda event: -_milliseconds(event))[:16]:
        print(f"  {_milliseconds(event):7.2f} ms {event.key[:100]}", file=sys.stderr, flush=True)
    return {kind: round(spent, 2) for kind, spent in sorted(found.items(), key=lambda item: -item[1])}


def _milliseconds(event: Any) -> float:  # noqa: ANN401  (the profiler's own)
    """Of one step on the GPU."""
    return float(event.self_device_time_total) / 1e3 / STEPS


def kind_of(kernel: str) -> str:
    """By its name; "other" where it tells nothing."""
    name = kernel.lower()
    return next((kind for kind, words in KINDS.items() if any(word in name for word in words)), "other")
