"""The base class of all sections of the experiment file, and the types of number and path that they share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from dbsweep.config.addresses import without_password
from dbsweep.config.messages import shown


class Section(BaseModel):
    """Base of every section: immutable, unknown keys refused, defaults checked too."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


def _refuse_bool(value: object) -> object:
    # Python counts True as 1, so `learning_rate: yes` would train at 1.0.
    if isinstance(value, bool):
        raise ValueError(f"must be a number, got {str(value).lower()}")
    return value


NotBool = BeforeValidator(_refuse_bool)
Fraction = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False), NotBool]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False), NotBool]
NotNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False), NotBool]
GuidanceScale = Annotated[float, Field(ge=1.0, allow_inf_nan=False), NotBool]
Count = Annotated[int, Field(ge=1), NotBool]
SamplingSteps = Annotated[int, Field(ge=1, le=1000), NotBool]
"""Some samplers cannot take more steps than the model has timesteps."""
CountOrNone = Annotated[int, Field(ge=0), NotBool]


def count_or(*words: str) -> WrapValidator:
    """Of a `Count` or one of some words: a fault names all, where pydantic has one in its words for types for each."""
    allowed = ", ".join(map(repr, words))

    def check(value: object, inner: ValidatorFunctionWrapHandler) -> object:
        try:
            return inner(value)
        except ValidationError as error:
            raise ValueError(f"must be {allowed} or a whole number from 1 on, got {shown(value)}") from error

    return WrapValidator(check)


ClipSkip = Annotated[int, Field(ge=1, le=12), NotBool]
"""SD 1's text encoder has 12 layers; 1 takes the last, 2 the one before."""
Seed = Annotated[int, Field(ge=0, lt=2**32), NotBool]
SamplerName = Literal[
    "Euler", "Euler a", "LMS", "Heun", "DPM2", "DPM2 a", "DPM++ 2M", "DPM++ 2M SDE", "DPM++ SDE",
    "LMS Karras", "DPM2 Karras", "DPM2 a Karras", "DPM++ 2M Karras", "DPM++ 2M SDE Karras", "DPM++ SDE Karras",
    "DDIM", "PLMS", "UniPC",
]  # fmt: skip
"""A1111's names of the samplers that `dbsweep.sampling.schedulers` has."""


def _expand(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"has no home folder to put for `~`, got {str(path)!r}") from error


def _resolve_path(path: Path, info: ValidationInfo) -> Path:
    path = _expand(path)
    if not isinstance(info.context, Path):
        return path
    return Path(os.path.abspath(info.context / path))


LOCAL = "local-dir:"
"""open_clip's prefix of folders."""


def _resolve_source(source: str, info: ValidationInfo) -> str:
    if source.startswith(LOCAL) and isinstance(info.context, Path):
        return f"{LOCAL}{os.path.abspath(info.context / _expand(Path(source.removeprefix(LOCAL))))}"
    if source.startswith("~"):
        return str(_expand(Path(source)))
    if source == "minisd" or not isinstance(info.context, Path):
        return source
    local = Path(os.path.abspath(info.context / source))
    looks_local = source.startswith((".", "/")) or source.endswith((".safetensors", ".ckpt"))
    return str(local) if looks_local or local.is_dir() else source


def _storage(uri: str) -> str:
    address = urlsplit(uri)
    if not address.scheme and not uri.startswith("/"):
        raise ValueError(f"must be an absolute path or a URI (s3://bucket/folder, file:///mnt/shared), got {uri!r}")
    if without_password(uri) != uri and address.scheme not in ("abfs", "abfss"):
        raise ValueError("must not hold a user name or password: give the machines a role or set their environment")
    return uri


_SQLITE = "sqlite:///"


def _absolute_store(uri: str) -> str:
    """A SQLite file's URI with its whole path, so that it is found again from another folder."""
    path = uri.removeprefix(_SQLITE)
    if path == uri:
        return uri
    return f"{_SQLITE}{os.path.abspath(_expand(Path(path)))}"


TrackingUri = Annotated[str, Field(min_length=1), AfterValidator(_absolute_store)]
"""MLflow's address of a store; the file of a relative ``sqlite:///`` is resolved against the working directory."""

StorageUri = Annotated[str, AfterValidator(_storage)]
"""Where machines without a common disk hand files to each other: an absolute path or a URI without a password."""

HomePath = Annotated[Path, AfterValidator(_expand)]
"""A path in which ``~`` stands for the home folder; relative ones stay relative to the working directory."""

LocalPath = Annotated[Path, AfterValidator(_resolve_path)]
"""A path; relative ones are resolved against the validation context, the folder of the experiment file."""

ModelSource = Annotated[str, Field(min_length=1), AfterValidator(_resolve_source)]
"""``minisd``, a hub id, or a path; what begins with ``.``, ``/`` or ``~``, ends in ``.safetensors`` or ``.ckpt``,
or is a folder beside the experiment file counts as a path and is resolved as `LocalPath`."""
