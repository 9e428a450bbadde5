"""Many things shown to a network, some at a time; fewer where there is no memory for as many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

from dbsweep.errors import ResourceError
from dbsweep.models.device_memory import is_out_of_memory, release_memory

Item = TypeVar("Item")
Made = TypeVar("Made")


def in_batches(
    items: Sequence[Item],
    make: Callable[[Sequence[Item]], Made],
    batch_size: int,
    no_memory: Callable[[], ResourceError],
) -> Iterator[Made]:
    """What is made of each batch, in order, without gradients.

    Args:
        make: is called again for half of a batch that memory has run out for; those that follow are no larger.
        batch_size: items at once, as long as there is memory for them.
        no_memory: the error where there is none for one item.

    Raises:
        ResourceError: that one.
    """
    while items:
        made = _try(make, items[:batch_size], no_memory)
        if made is None:
            batch_size = (min(batch_size, len(items)) + 1) // 2
            continue
        yield made[0]
        items = items[batch_size:]


def _try(
    make: Callable[[Sequence[Item]], Made], batch: Sequence[Item], no_memory: Callable[[], ResourceError]
) -> tuple[Made] | None:
    """What is made of a batch; None if there is no memory for so many."""
    try:
        with torch.inference_mode():
            return (make(batch),)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if len(batch) == 1:
            raise no_memory() from error
    release_memory()  # not in the clause above, where the error keeps the tensors of its frames
    return None
