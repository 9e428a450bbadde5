"""Settings that save memory, in the order of what they cost in speed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from typing import Literal, TypeAlias

from dbsweep.config.schema import Train
from dbsweep.records.record import Scalar

Savings: TypeAlias = dict[str, Scalar]
"""Settings of `train` with which memory is saved, by name."""

Half: TypeAlias = Literal["bf16", "fp16"]

FULL_PASS = 4
"""Images that a forward pass of the UNet keeps until activations are recomputed.

Smaller passes use a GPU worse: an A100 makes 46 UNet evaluations a second of single images and 115 of 16 at once
(diffusers' published figures), which a time per image of 1 + 1.5 / images fits. By it halving a pass of 8 costs 16% of
time, one of 4 costs 27% and one of 2 costs 43%. Recomputing costs 23% on a T4 (1.14 and 0.93 steps a second in
ShivamShrirao's table of DreamBooth settings, https://github.com/ShivamShrirao/diffusers/tree/main/examples/dreambooth).
"""


def steps_down(
    train: Train, *, half: Half | None, keep_weights: bool, swept: Set[str] = frozenset()
) -> Iterator[Savings]:
    """The settings that save memory, each step with those before it.

    In order: half precision (faster on a GPU), an 8-bit optimizer (as fast), smaller passes, recomputed activations,
    passes of one photo.

    Args:
        half: the half precision that the device computes fast; None if it has none.
        keep_weights: only steps that change the trained weights by no more than rounding.
        swept: settings that differ between trials and are left alone.
    """
    savings: Savings = {}
    for step in _steps(half, keep_weights=keep_weights):
        while (more := step(train)) is not None and not swept & more.keys():
            train = train.model_copy(update=more)
            savings = {**savings, **more}
            yield savings


def useful_steps(
    train: Train,
    need: Callable[[Savings], int],
    *,
    half: Half | None,
    keep_weights: bool,
    swept: Set[str] = frozenset(),
    useless: float = 0.0,
) -> Iterator[Savings]:
    """Those of `steps_down` that save memory in truth, each with those before it.

    Smaller passes need not: the gradients of the first wait in memory while the next is on its way.

    Args:
        need: bytes with settings changed so.
        useless: share of the need that a step must save to be taken.
    """
    taken: Savings = {}
    before: Savings = {}
    now = need({})
    for reached in steps_down(train, half=half, keep_weights=keep_weights, swept=swept):
        more = {name: value for name, value in reached.items() if before.get(name) != value}
        before, less = reached, need({**taken, **more})
        if less < (1.0 - useless) * now:
            taken, now = {**taken, **more}, less
            yield taken


_Step: TypeAlias = Callable[[Train], Savings | None]


def _steps(half: Half | None, *, keep_weights: bool) -> Iterator[_Step]:
    if not keep_weights:
        if half is not None:
            yield lambda train: {"precision": half} if train.precision == "fp32" else None
        yield _small_moments
    yield lambda train: _smaller_pass(train, FULL_PASS)
    yield lambda train: None if train.gradient_checkpointing else {"gradient_checkpointing": True}
    yield lambda train: _smaller_pass(train, 1)


def _small_moments(train: Train) -> Savings | None:
    # Of a LoRA the moments are next to nothing, and its small tensors would be kept in 32 bits anyway.
    return {"optimizer": "adamw_8bit"} if train.optimizer == "adamw" and train.lora_rank == 0 else None


def _smaller_pass(train: Train, images: int) -> Savings | None:
    """The next smaller batch of which more make the same step; None if its passes would have fewer images."""
    batch = train.batch_size
    if train.lora_dropout > 0.0 or train.aspect_ratio_buckets:
        return None  # what is left out is drawn for each pass, and a batch has images of one size: steps would differ
    divisors = [size for size in range(1, batch) if batch % size == 0]
    if not divisors or images_per_pass(train, divisors[-1]) < images:
        return None
    factor = batch // divisors[-1]
    return {"batch_size": divisors[-1], "gradient_accumulation": train.gradient_accumulation * factor}


def images_per_pass(train: Train, batch_size: int | None = None) -> int:
    """Images in one forward pass, class images included."""
    prior = train.class_images_per_instance > 0 and train.prior_loss_weight > 0.0
    return (train.batch_size if batch_size is None else batch_size) * (2 if prior else 1)


def savings_text(savings: Savings) -> str:
    """``precision bf16, batch_size 2, gradient_checkpointing true``."""
    return ", ".join(
        f"{name} {str(value).lower() if isinstance(value, bool) else value}" for name, value in savings.items()
    )
