"""Collecting several problems in one validator, so that none hides another."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TypeAlias, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from dbsweep.config.messages import describe

T = TypeVar("T")

Location: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the root of the file, or of a section, to a value."""


class Problems:
    """Problems found so far; `refuse` raises them all."""

    def __init__(self) -> None:
        self._found: list[InitErrorDetails] = []

    def add(self, at: Location, message: str) -> None:
        """Notes a problem at a place relative to the section that is being validated."""
        kind = PydanticCustomError("problem", "{message}", {"message": message})
        self._found.append(InitErrorDetails(type=kind, loc=at, input=None))

    def check(self, allowed: TypeAdapter[T], value: object, at: Location, advice: str = "") -> T | None:
        """The value as the type wants it (enums as their plain value), or None after noting why it is not allowed.

        Args:
            advice: what to say after that.
        """
        try:
            accepted = allowed.validate_python(value)
        except ValidationError as error:
            self.add(at, describe(error.errors()[0]) + advice)
            return None
        plain: T = accepted.value if isinstance(accepted, Enum) else accepted
        return plain

    def check_all(self, allowed: TypeAdapter[T], values: Sequence[object], at: Location) -> tuple[T | None, ...]:
        """Each value of a list, checked; problems carry the index."""
        return tuple(self.check(allowed, value, (*at, index)) for index, value in enumerate(values))

    def refuse(self, title: str) -> None:
        """Raises pydantic's ValidationError with every problem, if there are any."""
        if self._found:
            raise ValidationError.from_exception_data(title, self._found)
