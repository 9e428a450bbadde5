"""Networks that make room on a device, and come back to it."""

from __future__ import annotations

import gc

import pytest
import torch
from torch import nn

from dbsweep.models.making_room import Movable, with_room
from tests.models.on_device import OnDevice

SHORT = "CUDA out of memory. Tried to allocate 2.00 GiB."


def test_who_waits_leaves_the_device_where_memory_runs_out_until_it_is_asked_for() -> None:
    network = OnDevice()
    movable = Movable(network)
    beside: list[int] = []

    def make() -> str:
        beside.append(network.bytes_on_device)
        if network.bytes_on_device > 0:
            raise torch.OutOfMemoryError(SHORT)
        return "made"

    assert movable.on_device() is network
    with torch.inference_mode():  # as pictures are drawn
        assert with_room(make) == "made"
        assert with_room(make) == "made"
    assert beside == [4000, 0, 0]
    assert torch.equal(network.weight, torch.arange(1000.0))
    assert not network.weight.is_inference()
    assert movable.on_device() is network
    assert network.bytes_on_device == 4000


def test_what_finds_no_memory_without_them_is_not_tried_for_ever() -> None:
    network, tries = OnDevice(), []
    movable = Movable(network)

    def make() -> None:
        tries.append(network.bytes_on_device)
        raise torch.OutOfMemoryError(SHORT)

    for tried in ([4000, 0], [4000, 0, 0]):
        with pytest.raises(torch.OutOfMemoryError, match="out of memory"):
            with_room(make)
        assert tries == tried
    assert movable.on_device() is network


def test_for_another_error_nobody_leaves() -> None:
    network = OnDevice()
    movable = Movable(network)

    def make() -> None:
        raise RuntimeError("a size that does not match")

    with pytest.raises(RuntimeError, match="a size that does not match"):
        with_room(make)
    assert movable.on_device() is network
    assert network.bytes_on_device == 4000


def test_who_finds_no_room_is_still_away() -> None:
    network = OnDevice()
    movable = Movable(network)
    assert movable.leave()
    network.most = 0
    for _ in range(2):
        with pytest.raises(torch.OutOfMemoryError, match="out of memory"):
            movable.on_device()
    network.most = 4000
    movable.on_device()
    assert network.bytes_on_device == 4000


def test_nothing_leaves_the_processor_and_nothing_of_the_past_is_moved() -> None:
    past = OnDevice()
    gone, beside, tries = Movable(past), Movable(nn.Linear(2, 2)), []
    del gone
    gc.collect()

    def make() -> None:
        tries.append(past.bytes_on_device)
        raise torch.OutOfMemoryError(SHORT)

    with pytest.raises(torch.OutOfMemoryError, match="out of memory"):
        with_room(make)
    assert tries == [4000]
    assert not beside.leave()
