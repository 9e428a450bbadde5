"""A model has, under its original names, exactly what the published files hold."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from dbsweep.models.single_file.ldm_layout import ldm_state
from tests.models.published import DIGESTS, digest, published
from tests.tiny_models import published_parts


@pytest.mark.parametrize(("version", "weights"), [(1, 1131), (2, 1228)])
def test_the_layout_is_that_of_the_published_files(version: int, weights: int) -> None:
    layout = published(version)
    assert digest(layout) == DIGESTS[version]
    assert len(layout) == weights
    with torch.device("meta"):
        models = SimpleNamespace(**published_parts(version))
        state = ldm_state(models)  # type: ignore[arg-type]
    assert {name: tuple(value.shape) for name, value in state.items()} == layout
