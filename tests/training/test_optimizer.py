"""One AdamW group; what is dropped from it moves no more."""

from __future__ import annotations

import builtins
from typing import Any

import pytest
import torch
from torch import nn

from dbsweep.errors import ResourceError
from dbsweep.training.optimizer import drop_parameters, make_optimizer, set_learning_rate
from tests.training.dreambooth import settings


@pytest.mark.parametrize("name", ["adamw", "adamw_8bit"])
def test_settings_reach_the_optimizer_and_dropped_parameters_rest(name: str) -> None:
    kept, dropped = (nn.Parameter(torch.ones(5000)) for _ in range(2))
    optimizer = make_optimizer(settings(optimizer=name, weight_decay=0.5, learning_rate=0.1), [kept, dropped])
    assert len(optimizer.param_groups) == 1
    for _ in range(2):
        kept.grad, dropped.grad = torch.zeros(5000), torch.zeros(5000)
        optimizer.step()
    assert kept[0].item() == pytest.approx(0.95**2)  # decay alone: 1 - 0.1 * 0.5
    drop_parameters(optimizer, [dropped])
    set_learning_rate(optimizer, 0.2)
    optimizer.step()
    assert kept[0].item() == pytest.approx(0.95**2 * 0.9)
    assert dropped[0].item() == pytest.approx(0.95**2)
    assert list(optimizer.state) == [kept]


def test_eight_bits_need_bitsandbytes(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_bitsandbytes(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("bitsandbytes"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_bitsandbytes)
    with pytest.raises(ResourceError, match="adamw_8bit needs bitsandbytes: install it, or use adamw"):
        make_optimizer(settings(optimizer="adamw_8bit"), [nn.Parameter(torch.ones(1))])
