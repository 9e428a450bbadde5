"""A1111's samplers as diffusers schedulers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import diffusers

from dbsweep.config.messages import closest
from dbsweep.errors import DbsweepError

_KARRAS = {"use_karras_sigmas": True}
_SDE = {"algorithm_type": "sde-dpmsolver++"}
# PNDM's first steps would be Runge-Kutta otherwise: A1111's PLMS starts with a single extra evaluation.
_PLMS = {"skip_prk_steps": True}

SAMPLERS: Mapping[str, tuple[str, Mapping[str, object]]] = MappingProxyType(
    {
        "Euler": ("EulerDiscreteScheduler", {}),
        "Euler a": ("EulerAncestralDiscreteScheduler", {}),
        "LMS": ("LMSDiscreteScheduler", {}),
        "Heun": ("HeunDiscreteScheduler", {}),
        "DPM2": ("KDPM2DiscreteScheduler", {}),
        "DPM2 a": ("KDPM2AncestralDiscreteScheduler", {}),
        "DPM++ 2M": ("DPMSolverMultistepScheduler", {}),
        "DPM++ 2M SDE": ("DPMSolverMultistepScheduler", _SDE),
        "DPM++ SDE": ("DPMSolverSinglestepScheduler", _SDE),
        "LMS Karras": ("LMSDiscreteScheduler", _KARRAS),
        "DPM2 Karras": ("KDPM2DiscreteScheduler", _KARRAS),
        "DPM2 a Karras": ("KDPM2AncestralDiscreteScheduler", _KARRAS),
        "DPM++ 2M Karras": ("DPMSolverMultistepScheduler", _KARRAS),
        "DPM++ 2M SDE Karras": ("DPMSolverMultistepScheduler", {**_SDE, **_KARRAS}),
        "DPM++ SDE Karras": ("DPMSolverSinglestepScheduler", {**_SDE, **_KARRAS}),
        "DDIM": ("DDIMScheduler", {}),
        "PLMS": ("PNDMScheduler", _PLMS),
        "UniPC": ("UniPCMultistepScheduler", {}),
    }
)
"""A1111's name → diffusers' class and its options.

"DPM++ SDE" is the single-step second-order SDE solver at one UNet evaluation a step (A1111's takes two).
"""


def make_scheduler(name: str, scheduler_config: Mapping[str, object]) -> Any:  # noqa: ANN401  # untyped in diffusers
    """A fresh scheduler of that name over the model's own noise schedule and prediction type.

    Args:
        name: one of `SAMPLERS`.
        scheduler_config: diffusers' configuration as saved with the model, of whatever scheduler class.

    Raises:
        DbsweepError: the name is unknown; the message suggests the nearest.
    """
    check_sampler(name)
    class_name, options = SAMPLERS[name]
    return getattr(diffusers, class_name).from_config(dict(scheduler_config), **options)


def check_sampler(name: str) -> None:
    """DbsweepError when no sampler has this name."""
    if name in SAMPLERS:
        return
    meant = closest(name, SAMPLERS)
    hint = "" if meant is None else f"; did you mean {meant!r}?"
    raise DbsweepError(f"unknown sampler {name!r}{hint} (known: {', '.join(SAMPLERS)})")
