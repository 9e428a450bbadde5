"""The whole state of training as flat named tensors, from which it goes on as if it had never stopped."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from dbsweep.errors import TrialError

OPTIMIZER = "optimizer."
GROUP = "optimizer_group."


def copies(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Copies on the CPU."""
    return {name: _copy(tensor) for name, tensor in tensors.items()}


def load_weights(weights: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor]) -> None:
    """Writes a state's weights into those of `dbsweep.models.adapters.weight_tensors`.

    Raises:
        TrialError: the state belongs to a model of another shape.
    """
    wrong = [name for name, old in weights.items() if getattr(state.get(name), "shape", None) != old.shape]
    if wrong:
        raise TrialError(
            f"the training state does not fit the model: {wrong[0]} is missing or of another shape;"
            " continue with the base model that the run began with"
        )
    for name, tensor in weights.items():
        tensor.copy_(state[name])


def optimizer_tensors(optimizer: torch.optim.Optimizer, names: Mapping[nn.Parameter, str]) -> dict[str, torch.Tensor]:
    """The optimizer's tensors themselves, named ``optimizer.<what>.<parameter>``; integers become int64 scalars.

    What a parameter group has learned (Prodigy's estimates) is ``optimizer_group.<index>.<what>``, its floats float64
    scalars.
    """
    tensors = {
        f"{OPTIMIZER}{what}.{names[parameter]}": torch.as_tensor(value)
        for group in optimizer.param_groups
        for parameter in group["params"]
        for what, value in optimizer.state.get(parameter, {}).items()
    }
    for index, group in enumerate(optimizer.param_groups):
        for what in _learned(group, optimizer.defaults):
            tensors[f"{GROUP}{index}.{what}"] = _scalar(group[what])
    return tensors


def load_optimizer(
    optimizer: torch.optim.Optimizer, names: Mapping[nn.Parameter, str], state: Mapping[str, torch.Tensor]
) -> None:
    """Puts the optimizer's tensors back; a parameter without any starts afresh."""
    by_name: dict[str, dict[str, torch.Tensor | float]] = {name: {} for name in names.values()}
    of_name = {name: parameter for parameter, name in names.items()}
    whole = optimizer.state_dict()
    for key, tensor in state.items():
        if key.startswith(OPTIMIZER):
            what, name = key.removeprefix(OPTIMIZER).split(".", 1)
            by_name[name][what] = int(tensor) if tensor.dtype == torch.int64 else _laid_as(of_name[name], tensor)
        elif key.startswith(GROUP):
            index, what = key.removeprefix(GROUP).split(".", 1)
            is_scalar = tensor.dtype in (torch.int64, torch.float64)
            whole["param_groups"][int(index)][what] = tensor.item() if is_scalar else tensor.clone()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    entries = [by_name[names[parameter]] for parameter in parameters]
    whole["state"] = {index: entry for index, entry in enumerate(entries) if entry}
    optimizer.load_state_dict(whole)


def _learned(group: Mapping[str, object], settings: Mapping[str, object]) -> list[str]:
    """What of a parameter group is neither a setting nor set anew at every step."""
    return [
        what
        for what, value in group.items()
        if what not in ("params", "lr")
        and isinstance(value, int | float | torch.Tensor)
        and not isinstance(value, bool)
        and (what not in settings or value != settings[what])
    ]


def _scalar(value: object) -> torch.Tensor:
    """A float64 or int64 scalar; what is a tensor already as it is."""
    if isinstance(value, torch.Tensor):
        return value
    return torch.tensor(value, dtype=torch.int64 if isinstance(value, int) else torch.float64)


def _laid_as(parameter: nn.Parameter, tensor: torch.Tensor) -> torch.Tensor:
    """A copy; what has the parameter's shape in its memory layout, which fused kernels take for granted."""
    if tensor.shape != parameter.shape:
        return tensor.clone()
    return torch.empty_like(parameter, dtype=tensor.dtype, device=tensor.device).copy_(tensor)


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().to("cpu", copy=True).contiguous()
