"""Batches are halved where memory is short, and no item is left out or made twice."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from dbsweep.errors import ResourceError
from dbsweep.models.batches import in_batches


def no_memory() -> ResourceError:
    return ResourceError("no memory for one")


@pytest.mark.parametrize(
    ("room", "sizes"),
    [(8, [4, 4, 3]), (3, [2, 2, 2, 2, 2, 1]), (1, [1] * 11)],
)
def test_fewer_are_shown_at_once_where_memory_is_short(room: int, sizes: list[int]) -> None:
    def make(batch: Sequence[int]) -> list[int]:
        if len(batch) > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return list(batch)

    made = list(in_batches(range(11), make, 4, no_memory))
    assert [len(batch) for batch in made] == sizes
    assert [item for batch in made for item in batch] == list(range(11))


def test_no_memory_for_one_is_the_error_that_is_given() -> None:
    def make(batch: Sequence[int]) -> None:
        raise MemoryError

    with pytest.raises(ResourceError, match="no memory for one"):
        list(in_batches([1, 2], make, 2, no_memory))


def test_another_error_is_no_matter_of_memory() -> None:
    def make(batch: Sequence[int]) -> None:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        list(in_batches([1, 2], make, 2, no_memory))


def test_what_is_made_of_nothing_but_none_is_made_once() -> None:
    calls: list[int] = []
    assert list(in_batches([1, 2, 3], lambda batch: calls.append(len(batch)), 2, no_memory)) == [None, None]
    assert calls == [2, 1]


def test_nothing_keeps_gradients() -> None:
    weight = torch.ones(1, requires_grad=True)
    (made,) = in_batches([1.0], lambda batch: weight * batch[0], 1, no_memory)
    assert not made.requires_grad
