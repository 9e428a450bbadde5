"""Every setting of the experiment file with its default: ``python -m dbsweep.config.reference > docs/settings.md``."""

from __future__ import annotations

import sys
import typing
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dbsweep.config.schema import Experiment

HEAD = """# Every setting of the experiment file

Made from the schema by `python -m dbsweep.config.reference`. What has no default must be given. `--set path=value`
changes one value for one run: `--set train.epochs=80`, or `--set search.epochs=80` where it is swept.
"""
AXES = """
Any setting of `train` may stand here too: as a list, or as `{uniform: [low, high]}`, `{loguniform: [low, high]}` or
`{choice: [...]}`, of which `samples` points are drawn.
"""
_HIDDEN = "axes"
"""What holds the axes of a search once it is read; nobody writes it."""


def reference() -> str:
    """The page: a table for each section, outer ones first."""
    return HEAD + "".join(_section(path, model) for path, model in _sections("", Experiment))


def _sections(path: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Paths and sections; one that stands under several names is told once, by its first."""
    yield path, model
    told: set[type[BaseModel]] = set()
    for name, field in model.model_fields.items():
        for inner in _models(field.annotation) if name != _HIDDEN else []:
            several = "[]" if typing.get_origin(field.annotation) is tuple else ""
            if inner not in told:
                yield from _sections(f"{path}.{name}{several}".removeprefix("."), inner)
            told.add(inner)


def _models(annotation: object) -> list[type[BaseModel]]:
    """The sections that a field holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    inner = [_models(argument) for argument in typing.get_args(annotation)]
    return [model for models in inner for model in models]


def _section(path: str, model: type[BaseModel]) -> str:
    fields = {name: model.model_fields[name] for name in (*_own(model), *model.model_fields) if name != _HIDDEN}
    rows = [_row(name, field) for name, field in fields.items()]
    title = f"`{path}`" if path else "The file"
    told = f"\n{model.__doc__.splitlines()[0]}\n" if path and model.__doc__ else ""
    axes = AXES if _HIDDEN in model.model_fields else ""
    return f"\n## {title}\n{told}{axes}\n| key | default | meaning |\n|---|---|---|\n{''.join(rows)}"


def _own(model: type[BaseModel]) -> list[str]:
    """The fields that a section does not share with others: the most common ones of `train`."""
    return [name for name in model.__annotations__ if name in model.model_fields]


def _row(name: str, field: FieldInfo) -> str:
    meaning = (field.description or ("a section, below" if _models(field.annotation) else "")).replace("|", "\\|")
    choices = _choices(field.annotation)
    if choices and not all(choice in meaning for choice in choices):
        meaning = f"{meaning}: {', '.join(f'`{choice}`' for choice in choices)}" if meaning else ", ".join(choices)
    return f"| `{name}` | {_default(field)} | {meaning} |\n"


def _choices(annotation: object) -> tuple[str, ...]:
    if typing.get_origin(annotation) is typing.Literal:
        return tuple(map(str, typing.get_args(annotation)))
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return tuple(member.value for member in annotation)
    return ()


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    if field.is_required() or _models(field.annotation):
        return ""
    if default is None or default == ():
        return "none"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return f"`[{', '.join(map(str, default))}]`"
    return f"`{default.as_posix() if isinstance(default, Path) else default}`" if default != "" else "empty"


if __name__ == "__main__":
    sys.stdout.write(reference())
