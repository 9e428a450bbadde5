"""What a pass keeps, by arithmetic."""

from __future__ import annotations

import pytest

from dbsweep.plan.memory.activations import unet_bytes
from dbsweep.plan.memory.sizes import SD2


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_images_keep_in_proportion_to_their_pixels(half: bool, checkpointing: bool):
    small, large = (unet_bytes(SD2.unet_shape, side, half=half, checkpointing=checkpointing) for side in (512, 1024))
    assert large == 4 * small
