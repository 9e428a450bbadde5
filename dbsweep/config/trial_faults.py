"""Swept values that are allowed by themselves and not beside a trial's other settings, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from dbsweep.config.messages import describe, shown
from dbsweep.config.train import Train
from dbsweep.errors import Fault
from dbsweep.records.record import Scalar


def trial_faults(
    train: Train, settings: Mapping[str, Scalar], axes: Iterable[str], error: ValidationError
) -> tuple[Fault, ...]:
    """What is wrong with the settings of a trial, by the axes that it comes from.

    Args:
        train: the section that the settings were put into.
        axes: names of the settings that are swept.
        error: what that gave.
    """
    swept = [name for name in axes if name in settings]
    guilty = [name for name in swept if _is_valid(train, {**settings, name: getattr(train, name)})] or swept
    values = " and ".join(f"{name} {shown(settings[name])}" for name in guilty)
    place = f"search.{guilty[0]}" if len(guilty) == 1 else "search" if guilty else "train"
    subject = f"{values} cannot be trained with a trial's other settings: " if guilty else ""
    advice = f"; or take {'it' if len(guilty) == 1 else 'one of them'} off its axis" if guilty else ""
    return tuple(Fault(place, f"{subject}{_at(each['loc'])}{describe(each)}{advice}") for each in error.errors())


def _at(location: tuple[Any, ...]) -> str:
    return f"{location[0]} " if location else ""


def _is_valid(train: Train, settings: Mapping[str, Scalar]) -> bool:
    try:
        Train.model_validate({**train.model_dump(), **settings})
    except ValidationError:
        return False
    return True
