"""Pydantic's errors as faults: YAML path, what is wrong, the value received, what is allowed, and the line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dbsweep.config.document import Document, fault_path
from dbsweep.config.left_out import why_left_out
from dbsweep.config.messages import describe, did_you_mean, nearest
from dbsweep.config.other_names import did_you_mean_ours, known_as
from dbsweep.config.problems import Location
from dbsweep.errors import Fault

_MUCH_ALIKE = 0.75
"""Likeness from which a key of another section is offered: `train_batch_size` has 0.77 of `batch_size`."""


def faults_of(error: ValidationError, model: type[BaseModel], document: Document) -> tuple[Fault, ...]:
    """Every fault of a document that pydantic found when validating it as the model."""
    listed: set[Location] = set()
    return tuple(_fault(details, model, document, listed) for details in error.errors() if not _is_echo(details))


def _is_echo(details: ErrorDetails) -> bool:
    # Pydantic also calls a list too short when its items are there but faulty; those are reported by themselves.
    return details["type"] == "too_short" and len(details["input"]) >= details["ctx"]["min_length"]


def _fault(details: ErrorDetails, model: type[BaseModel], document: Document, listed: set[Location]) -> Fault:
    at = details["loc"]
    if details["type"] == "missing":
        message = _missing(at, model)
    elif details["type"] == "extra_forbidden":
        message = _unknown(at, model, listed)
    else:
        message = describe(details)
    origin = document.origin(at)
    return Fault(fault_path(at), message if origin is None else f"{message} ({origin})")


def _missing(at: Location, model: type[BaseModel]) -> str:
    section = _section_at(at[:-1], model)
    field = None if section is None else section.model_fields.get(str(at[-1]))
    meaning = "" if field is None or field.description is None else f": {field.description}"
    return f"is missing{meaning}"


def _unknown(at: Location, model: type[BaseModel], listed: set[Location]) -> str:
    """What is wrong with a key; what its section allows, dozens of words, only where that is not `listed` yet."""
    key, section = str(at[-1]), _section_at(at[:-1], model)
    if (known := known_as(key, fault_path(at[:-1]))) is not None:
        return f"is an unknown key; {did_you_mean_ours(key, known)}"
    if (why := why_left_out(key)) is not None:
        return why
    elsewhere = next((path for path, names in _homes(model) if key in names and path != at[:-1]), None)
    if elsewhere is not None:
        home = f"section `{fault_path(elsewhere)}`" if elsewhere else "the top of the file"
        return f"is unknown here; it belongs to {home}"
    own = () if section is None else tuple(section.model_fields)
    if nearest(key, own, most=1):
        return f"is an unknown key; {did_you_mean(key, own)}"
    for path, names in _homes(model):
        if alike := nearest(key, names, most=1, cutoff=_MUCH_ALIKE):
            return f"is an unknown key; did you mean `{fault_path((*path, *alike))}`?"
    if at[:-1] in listed:
        return "is an unknown key"
    listed.add(at[:-1])
    return f"is an unknown key; {did_you_mean(key, own)}"


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """The models in an annotation such as ``tuple[Concept, ...]`` or ``GridAxis | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _section_at(at: Location, model: type[BaseModel]) -> type[BaseModel] | None:
    """The model of the section at a location; None where there is none."""
    section: type[BaseModel] | None = model
    for key in at:
        if isinstance(key, int):
            continue
        field = None if section is None else section.model_fields.get(key)
        section = None if field is None else next(_models_in(field.annotation), None)
    return section


def _homes(model: type[BaseModel]) -> Iterator[tuple[Location, tuple[str, ...]]]:
    """Where keys are at home, and which: the root, sections below it, the first of a list that no file lacks."""
    yield (), tuple(model.model_fields)
    for name, field in model.model_fields.items():
        annotation = field.annotation
        is_section = isinstance(annotation, type) and issubclass(annotation, BaseModel)
        is_list = get_origin(annotation) is tuple and field.is_required()
        if is_section or is_list:
            for section in _models_in(annotation):
                yield ((name,) if is_section else (name, 0)), tuple(section.model_fields)
