"""The whole state of training as flat named tensors, from which it goes on as if it had never stopped."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from dbsweep.errors import TrialError

OPTIMIZER = "optimizer."


def module_tensors(modules: Mapping[str, nn.Module]) -> dict[str, torch.Tensor]:
    """Copies of all weights on the CPU, named ``<module>.<name in its state dict>``."""
    return {
        f"{name}.{key}": _copy(tensor)
        for name, module in modules.items()
        for key, tensor in module.state_dict().items()
    }


def load_modules(modules: Mapping[str, nn.Module], state: Mapping[str, torch.Tensor]) -> None:
    """Writes the weights into the modules.

    Raises:
        TrialError: the state belongs to a model of another shape.
    """
    for name, module in modules.items():
        own = {key: state.get(f"{name}.{key}") for key in module.state_dict()}
        wrong = [key for key, old in module.state_dict().items() if getattr(own[key], "shape", None) != old.shape]
        if wrong:
            raise TrialError(
                f"the training state does not fit the model: {name}.{wrong[0]} is missing or of another shape;"
                " continue with the base model that the run began with"
            )
        module.load_state_dict(own)


def optimizer_tensors(optimizer: torch.optim.Optimizer, names: Mapping[nn.Parameter, str]) -> dict[str, torch.Tensor]:
    """Copies of the optimizer's tensors, named ``optimizer.<what>.<parameter>``; integers become int64 scalars."""
    return {
        f"{OPTIMIZER}{what}.{names[parameter]}": _copy(torch.as_tensor(value))
        for group in optimizer.param_groups
        for parameter in group["params"]
        for what, value in optimizer.state.get(parameter, {}).items()
    }


def load_optimizer(
    optimizer: torch.optim.Optimizer, names: Mapping[nn.Parameter, str], state: Mapping[str, torch.Tensor]
) -> None:
    """Puts the optimizer's tensors back; a parameter without any starts afresh."""
    by_name: dict[str, dict[str, torch.Tensor | int]] = {name: {} for name in names.values()}
    for key, tensor in state.items():
        if key.startswith(OPTIMIZER):
            what, name = key.removeprefix(OPTIMIZER).split(".", 1)
            by_name[name][what] = int(tensor) if tensor.dtype == torch.int64 else tensor.clone()
    whole = optimizer.state_dict()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    entries = [by_name[names[parameter]] for parameter in parameters]
    whole["state"] = {index: entry for index, entry in enumerate(entries) if entry}
    optimizer.load_state_dict(whole)


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().to("cpu", copy=True).contiguous()
