"""What all records have in common."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import BaseModel, ConfigDict

Scalar: TypeAlias = bool | int | float | str
"""A value that a swept setting can take."""


class Record(BaseModel):
    """Base of all records: immutable, strict about unknown keys, NaN and infinity survive JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")
