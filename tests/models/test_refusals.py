"""What libraries raise on bad files is one line that names the model, its part and the reason."""

from __future__ import annotations

import json
import math
import pickle

import pytest
import torch
from safetensors import SafetensorError
from torch import nn

from dbsweep.errors import ModelError
from dbsweep.models.refusals import pickle_fault, read_or_refuse, refuse_lacking, refuse_misfits, without_numbers


def raising(error: Exception, cause: Exception | None = None) -> object:
    raise error from cause


def test_what_can_be_read_is_given() -> None:
    assert read_or_refuse("sd", "unet", lambda: 7) == 7


@pytest.mark.parametrize(
    "error",
    [
        OSError("gone"),
        SafetensorError("gone"),
        json.JSONDecodeError("gone", "", 0),
        RuntimeError("gone"),
        ValueError("gone"),
        KeyError("gone"),
        TypeError("gone"),
        EOFError("gone"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_damaged_file_is_one_line(error: Exception) -> None:
    message = rf"^base model sd: cannot read unet, the file is damaged or foreign \({type(error).__name__}: '?gone"
    with pytest.raises(ModelError, match=message):
        read_or_refuse("sd", "unet", lambda: raising(error))


def test_a_long_reason_of_several_lines_is_cut() -> None:
    with pytest.raises(ModelError, match=r"\(ValueError: a a a") as refused:
        read_or_refuse("sd", "unet", lambda: raising(ValueError("a\n  " * 500)))
    assert len(str(refused.value)) < 300
    assert "\n" not in str(refused.value)


def test_a_fault_of_ours_passes() -> None:
    with pytest.raises(ZeroDivisionError):
        read_or_refuse("sd", "unet", lambda: raising(ZeroDivisionError()))


ASKS = pickle.UnpicklingError("Weights only load failed. Unsupported global: GLOBAL os.system was not allowed")


@pytest.mark.parametrize("error", [(ASKS, None), (OSError("cannot be loaded"), ASKS)])
def test_a_pickle_that_wants_to_run_code_is_told_as_one_even_by_way_of_others(
    error: tuple[Exception, Exception | None],
) -> None:
    message = r"^base model sd: unet refused, it is a pickle that .* it asks for os\.system; use \.safetensors files$"
    with pytest.raises(ModelError, match=message):
        read_or_refuse("sd", "unet", lambda: raising(*error))


def test_of_a_pickle_that_names_nothing_either_may_be() -> None:
    told = pickle_fault(pickle.UnpicklingError("invalid load key, run with weights_only=False"))
    assert told == "it is damaged or a pickle that holds code besides weights"


def test_weights_that_are_lacking_are_counted_and_some_are_named() -> None:
    refuse_lacking("sd", "unet", [])
    message = r"^base model sd: unet lacks 4 weights, e\.g\. a, b, c$"
    with pytest.raises(ModelError, match=message):
        refuse_lacking("sd", "unet", ["d", "b", "c", "a"])


@pytest.mark.parametrize(
    ("mismatched", "more", "reason"),
    [
        ([("b", (1,), (2,)), ("a", torch.Size([3]), [4, 5])], ["c"], r"a is \(3,\) and not \(4, 5\)"),
        ([], ["d", "c"], r"that has no place for 2 weights, e\.g\. c"),
    ],
)
def test_files_of_another_network_than_its_configuration_are_told(mismatched, more, reason: str) -> None:
    refuse_misfits("sd", "unet", [], [])
    with pytest.raises(ModelError, match=rf"^base model sd: unet does not fit its config\.json: {reason}; get both"):
        refuse_misfits("sd", "unet", mismatched, more)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_what_is_no_number_is_found_wherever_it_stands(value: float, dtype: torch.dtype) -> None:
    layer, norm = nn.Linear(3, 2), nn.BatchNorm1d(2)  # which has whole numbers too
    network = nn.Sequential(layer, norm).to(dtype)
    assert without_numbers(network) is None
    with torch.no_grad():
        layer.weight[1, 2] = value
    assert without_numbers(network) == "NaN or infinity stands in place of numbers in 1 weight, such as 0.weight"
    with torch.no_grad():
        norm.state_dict()["running_var"][0] = value
    assert without_numbers(network) == "NaN or infinity stands in place of numbers in 2 weights, such as 0.weight"


def test_weights_without_numbers_in_them_are_no_damage() -> None:
    network = nn.Module()
    network.register_buffer("empty", torch.zeros(0))
    assert without_numbers(network) is None
