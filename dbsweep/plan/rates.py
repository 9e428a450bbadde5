"""The figures that a forecast is made from: the bytes of a checkpoint, and how fast a machine trains and draws."""

from __future__ import annotations

from pydantic import Field

from dbsweep.config.schema import Experiment
from dbsweep.plan.checkpoint_bytes import state_bytes, weight_bytes
from dbsweep.plan.memory.model_files import size_of
from dbsweep.plan.memory.sizes import MINISD
from dbsweep.records.record import Record


class Rates(Record):
    """What the forecast of disk and time is made from.

    Attributes:
        weight_bytes: kept weights of one checkpoint (of what trains, in `checkpoints.precision`).
        state_bytes: what a checkpoint has on top when another branch starts from it: weights and optimizer moments.
        merging_bytes: weights that wait on the disk while grids merge; 0 where none does.
        seconds_per_step: of training one image with its class image; None if not known.
        seconds_per_unet_pass: of the UNet on one image of a large batch; CFG takes two a step; None if not known.
        resolution: in pixels, for which the seconds hold; others take them by their area. None if it does not matter.
        workers: branches that train at the same time.
        basis: where the figures come from, for the person.
    """

    weight_bytes: int
    state_bytes: int
    merging_bytes: int = 0
    seconds_per_step: float | None = None
    seconds_per_unet_pass: float | None = None
    resolution: int | None = None
    workers: int = Field(1, ge=1)
    basis: str = ""

    def area(self, resolution: int) -> float:
        """How many times the pixels of its own resolution an image has."""
        return 1.0 if self.resolution is None else (resolution / self.resolution) ** 2


# One core of a 2-core server CPU, text encoder training, 64 pixels.
_MINISD_SECONDS = (0.20, 0.008)
_MINISD_RESOLUTION = 64
# SD 1.5 at 512 pixels, by words in the name of the GPU. A100: 115 UNet passes a second at batch 16, eager (diffusers'
# published figures), a step taken as 6 passes at batch 2 and the optimizer; H200: 2.2 times that (MLPerf training 4.0).
_GPU_SECONDS = {"A100": (0.13, 1 / 115), "H100": (0.07, 1 / 220), "H200": (0.06, 1 / 250)}
_SD1_RESOLUTION = 512


def rates_for(experiment: Experiment, *, workers: int = 1, gpu: str | None = None) -> Rates:
    """Rates of an experiment's base model: measured for MiniSD, otherwise rough.

    Args:
        workers: branches that train at the same time.
        gpu: name of the GPU, as its driver tells it; without it the time on GPUs is not known.
    """
    size = size_of(experiment.base_model)
    is_minisd = size.unet_shape == MINISD.unet_shape
    on_cpu = experiment.resources.gpus_per_trial == 0
    seconds = (_MINISD_SECONDS if on_cpu else None) if is_minisd else _gpu_seconds(gpu)
    return Rates(
        weight_bytes=weight_bytes(experiment, size),
        state_bytes=state_bytes(experiment, size),
        merging_bytes=4 * (size.unet + size.text_encoder + size.vae) if experiment.custom_models else 0,
        seconds_per_step=None if seconds is None else seconds[0],
        seconds_per_unet_pass=None if seconds is None else seconds[1],
        resolution=_MINISD_RESOLUTION if is_minisd else _SD1_RESOLUTION,
        workers=workers,
        basis=size.name,
    )


def _gpu_seconds(gpu: str | None) -> tuple[float, float] | None:
    for word, seconds in _GPU_SECONDS.items():
        if gpu is not None and word in gpu.upper():
            return seconds
    return None
