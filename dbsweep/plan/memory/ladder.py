"""Settings that save memory, in the order of what they cost in speed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from typing import Literal, TypeAlias

from dbsweep.config.schema import Train
from dbsweep.records.record import Scalar

Savings: TypeAlias = dict[str, Scalar]
"""Settings of `train` with which memory is saved, by name."""

Half: TypeAlias = Literal["bf16", "fp16"]

PASS_OVERHEAD = 1.5
"""Images in the time of what a forward pass of the UNet takes besides its images: an image takes 1 + 1.5 / images.

An A100 makes 46 UNet evaluations a second of single images and 115 of 16 at once (diffusers' published figures). By it
halving a pass of 8 costs 16% of time, one of 4 costs 27% and one of 2 costs 43%.
"""

RECOMPUTING = 1.23
"""Time of a step whose activations are computed twice, over that of one that keeps them: on a T4 1.14 and 0.93 steps a
second in ShivamShrirao's table of DreamBooth settings
(https://github.com/ShivamShrirao/diffusers/tree/main/examples/dreambooth)."""


def ways_to_save(
    train: Train, *, half: Half | None, keep_weights: bool, swept: Set[str] = frozenset()
) -> list[Savings]:
    """The settings that may save memory, what costs least time first.

    Each is whole: it is taken in place of those before it. Smaller passes and recomputed activations take time, half
    precision (faster on a GPU) and an 8-bit optimizer (as fast) do not.

    Args:
        half: the half precision that the device computes fast; None if it has none.
        keep_weights: only what changes the trained weights by no more than rounding.
        swept: settings that differ between trials and are left alone.
    """
    numbers: list[Savings] = [{}] if keep_weights else list(_numbers(train, half))
    ways = [{**first, **passes} for passes in _passes(train) for first in numbers]
    return sorted(
        (way for way in ways if way and not swept & way.keys()),
        key=lambda way: _time_per_image(train.model_copy(update=way)),
    )


def useful_steps(
    train: Train,
    need: Callable[[Savings], int],
    *,
    half: Half | None,
    keep_weights: bool,
    swept: Set[str] = frozenset(),
    useless: float = 0.0,
) -> Iterator[Savings]:
    """Those of `ways_to_save` that need less than all before them.

    Smaller passes need not: the gradients of the first wait in memory while the next is on its way. Neither need half
    precision, which copies the weights: where it alone saves nothing it is not looked at.

    Args:
        need: bytes with settings changed so.
        useless: share of the need that a step must save to be taken.
    """
    least = need({})
    if half is not None and need({"precision": half}) >= (1.0 - useless) * least:
        half = None
    for way in ways_to_save(train, half=half, keep_weights=keep_weights, swept=swept):
        if (found := need(way)) < (1.0 - useless) * least:
            least = found
            yield way


def _numbers(train: Train, half: Half | None) -> Iterator[Savings]:
    """What changes the numbers that are trained; half precision, which is faster on a GPU, before none."""
    # Of a LoRA the moments are next to nothing, and its small tensors would be kept in 32 bits anyway.
    has_moments = train.optimizer == "adamw" and train.lora_rank == 0
    if half is not None and train.precision == "fp32":
        yield {"precision": half}
        if has_moments:
            yield {"precision": half, "optimizer": "adamw_8bit"}
    yield {}
    if has_moments:
        yield {"optimizer": "adamw_8bit"}


def _passes(train: Train) -> Iterator[Savings]:
    """How the same step may be made of passes that keep less."""
    for batch_size in _batch_sizes(train):
        factor = train.batch_size // batch_size
        smaller: Savings = {"batch_size": batch_size, "gradient_accumulation": train.gradient_accumulation * factor}
        smaller = smaller if factor > 1 else {}
        yield smaller
        if not train.gradient_checkpointing:
            yield {**smaller, "gradient_checkpointing": True}


def smallest_passes(train: Train) -> Savings:
    """The same step in passes of as few photos as may be; nothing where it is made so already."""
    return next(_passes(train))


def _batch_sizes(train: Train) -> list[int]:
    """Of which some make the same step."""
    if train.lora_dropout > 0.0 or train.aspect_ratio_buckets:
        # What is left out is drawn for each pass, and a batch has images of one size: steps would differ.
        return [train.batch_size]
    return [size for size in range(1, train.batch_size + 1) if train.batch_size % size == 0]


def _time_per_image(train: Train) -> float:
    return (1.0 + PASS_OVERHEAD / images_per_pass(train)) * (RECOMPUTING if train.gradient_checkpointing else 1.0)


def images_per_pass(train: Train, batch_size: int | None = None) -> int:
    """Images in one forward pass, class images included."""
    prior = train.class_images_per_instance > 0 and train.prior_loss_weight > 0.0
    return (train.batch_size if batch_size is None else batch_size) * (2 if prior else 1)


def savings_text(savings: Savings) -> str:
    """``precision bf16, batch_size 2, gradient_checkpointing true``."""
    return ", ".join(
        f"{name} {str(value).lower() if isinstance(value, bool) else value}" for name, value in savings.items()
    )
