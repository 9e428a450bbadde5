"""Overrides from the command line, ``train.seed=3``, put into a document before it is checked."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import yaml

from dbsweep.config.document import Document, fault_path
from dbsweep.config.problems import Location
from dbsweep.errors import Fault

ORIGIN = "--set"
"""What a document says about the origin of an overridden value."""


def apply_overrides(document: Document, overrides: Sequence[str]) -> Document:
    """A new document with each ``path=value`` in place; the value is YAML, list items are addressed by number.

    Missing sections are made. A path that means nothing is left for the check of the document, which knows the
    names; what cannot be placed at all becomes a fault of the new document.
    """
    values = copy.deepcopy(document.values)
    origins, faults = dict(document.origins), list(document.faults)
    for override in overrides:
        try:
            at = _place(values, override)
        except _CannotPlace as error:
            faults.append(Fault(f"{ORIGIN} {override}", str(error)))
            continue
        for inside in [known for known in origins if known[: len(at)] == at]:
            del origins[inside]
        origins |= {at[:depth]: ORIGIN for depth in range(1, len(at) + 1) if at[:depth] not in origins}
    return Document(values, origins, tuple(faults))


class _CannotPlace(Exception):
    """An override has no place in the document."""


def _place(values: dict[object, object], override: str) -> Location:
    path, equals, text = override.partition("=")
    keys = path.strip().replace("[", ".").replace("]", "").split(".")
    if not equals or not all(keys):
        raise _CannotPlace("must be path=value, as in train.seed=3")
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _CannotPlace(f"the value must be YAML, got {text!r}; quote it") from error
    container: Any = values
    at: Location = ()
    for key in keys[:-1]:
        step = _step(container, key, at)
        if isinstance(container, dict) and container.get(step) is None:
            container[step] = {}
        container, at = container[step], (*at, step)
    last = _step(container, keys[-1], at)
    container[last] = value
    return (*at, last)


def _step(container: object, key: str, at: Location) -> str | int:
    """The key or index to follow into a container."""
    if isinstance(container, dict):
        return key
    if not isinstance(container, list):
        raise _CannotPlace(f"`{fault_path(at)}` is a single value and has no part `{key}`")
    if not container:
        raise _CannotPlace(f"`{fault_path(at)}` is an empty list and has no item {key}")
    if not key.isdecimal() or int(key) >= len(container):
        raise _CannotPlace(f"`{fault_path(at)}` is a list; its items are 0 to {len(container) - 1}, got {key!r}")
    return int(key)
