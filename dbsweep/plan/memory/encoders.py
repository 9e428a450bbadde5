"""How large the models are that score: by the weights of a folder, else by their names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dbsweep.config.evaluate import Evaluate
from dbsweep.config.fields import LOCAL
from dbsweep.plan.memory.dinov2 import dinov2_bytes
from dbsweep.plan.memory.model_files import parameters_in

SMALL_ENCODER: Final = "ViT-B-32/openai"
"""What scores where memory is short."""

_MINISD = 1_270_000
_PARAMETERS = {
    "ViT-B-32": 151_000_000,
    "ViT-B-16": 150_000_000,
    "ViT-L-14": 428_000_000,
    "ViT-H-14": 986_000_000,
    "ViT-g-14": 1_367_000_000,
    "ViT-bigG-14": 2_540_000_000,
}
"""Of open_clip's models, by how their names begin."""
_USUAL = "ViT-L-14"
"""What others are taken for whose names have none of these in them."""

WEIGHTS: Final = ("*.safetensors", "*.bin", "*.pth")
_FIRST = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
    "pytorch_model.pth",
    "model.pth",
)
"""Which file of several open_clip reads (its `factory._find_checkpoint_in_dir`)."""


def scoring_bytes(evaluate: Evaluate) -> int:
    """Of the float32 weights of those who score; faces are looked at on the CPU."""
    identity = evaluate.identity
    dinov2 = 0 if identity.dinov2 is None else dinov2_bytes(identity.dinov2)
    return encoder_bytes(evaluate.encoder) + (encoder_bytes(identity.encoder) if identity.encoder else 0) + dinov2


def encoder_bytes(encoder: str) -> int:
    """Of a CLIP's float32 weights."""
    if encoder == "minisd":
        return 4 * _MINISD
    counted = _counted(encoder)
    return 4 * (_PARAMETERS[_likeness(encoder)] if counted is None else counted)


def guesses(evaluate: Evaluate) -> Iterator[str]:
    """Which encoders are as large as nobody here knows, and what they are taken for."""
    for field, encoder in (("encoder", evaluate.encoder), ("identity.encoder", evaluate.identity.encoder)):
        if encoder is None or encoder == "minisd" or encoder.startswith(tuple(_PARAMETERS)):
            continue
        if _counted(encoder) is None:
            yield (
                f"memory: evaluate.{field} {encoder} is taken to be as large as {_likeness(encoder)}: a guess, as only "
                "weights in a local folder are counted"
            )


def _likeness(encoder: str) -> str:
    return next((name for name in _PARAMETERS if name in encoder), _USUAL)


def _counted(encoder: str) -> int | None:
    """Parameters of the file that open_clip reads of a folder; None where there is none that can be read.

    `dbsweep.scoring.encoder_files` tells why.
    """
    folder = Path(encoder.removeprefix(LOCAL))
    try:
        files = sorted(file for pattern in WEIGHTS for file in folder.glob(pattern))
        return parameters_in(min(files, key=_rank)) if files else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _rank(file: Path) -> tuple[int, bool]:
    first = _FIRST.index(file.name) if file.name in _FIRST else len(_FIRST)
    return first, file.suffix != ".safetensors"
