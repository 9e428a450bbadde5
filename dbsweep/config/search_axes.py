"""The axes of a search, read from YAML's short forms and checked against the setting that each one sweeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from types import NoneType
from typing import Annotated, Any, get_args

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from dbsweep.config.axes import LogUniform, SearchAxis, Selected, Uniform, Values
from dbsweep.config.left_out import why_left_out
from dbsweep.config.messages import did_you_mean, shown
from dbsweep.config.other_names import did_you_mean_ours, known_as
from dbsweep.config.problems import Location, Problems

_FORMS = ("values", "uniform", "loguniform", "choice")
_BOUNDS = 2


@cache
def allowed_values(settings: type[BaseModel], name: str) -> TypeAdapter[Any]:
    """What one field of a model accepts."""
    field = settings.model_fields[name]
    annotation: Any = field.annotation  # a type checker cannot know a type that is made at run time
    for limit in field.metadata:
        annotation = Annotated[annotation, limit]
    return TypeAdapter(annotation)


def read_axes(
    section: Mapping[str, object],
    settings: type[BaseModel],
    problems: Problems,
    at: Location = (),
    *,
    others: Iterable[str] = (),
) -> dict[str, SearchAxis]:
    """Axes by setting: a list is a grid axis, a scalar one value, ``{uniform: [a, b]}`` and its like are sampled.

    Args:
        section: setting name → what the file says.
        settings: the model whose fields can be swept; each value must be allowed there.
        problems: receives whatever is wrong.
        at: place of the section, relative to the one that is being validated.
        others: keys of the section that are no axes, for hints.
    """
    axes: dict[str, SearchAxis] = {}
    for name, raw in section.items():
        if name not in settings.model_fields:
            known = known_as(name, "train")
            meant = (
                did_you_mean_ours(name, known)
                if known in settings.model_fields
                else did_you_mean(name, [*settings.model_fields, *others])
            )
            problems.add((*at, name), why_left_out(name) or f"no setting of `train` has this name; {meant}")
            continue
        axis = _read_axis(raw, settings.model_fields[name], allowed_values(settings, name), problems, (*at, name))
        if axis is not None:
            axes[name] = axis
    return axes


def _read_axis(
    raw: object, field: FieldInfo, allowed: TypeAdapter[Any], problems: Problems, at: Location
) -> SearchAxis | None:
    if isinstance(raw, BaseModel):
        raw = raw.model_dump()
    if isinstance(raw, Mapping):
        form = next(iter(raw), "")
        if len(raw) != 1 or form not in _FORMS:
            problems.add(
                at, f"must be a list, a value or one `form: …`, got {shown(dict(raw))}; {did_you_mean(form, _FORMS)}"
            )
            return None
        content, at = raw[form], (*at, form)
        if form in ("uniform", "loguniform"):
            return _read_distribution(form, content, field, allowed, problems, at)
    else:
        form, content = "values", raw
    return _read_list(form, content, allowed, problems, at)


def _read_list(
    form: str, content: object, allowed: TypeAdapter[Any], problems: Problems, at: Location
) -> SearchAxis | None:
    if content is None or content in ([], ()):
        problems.add(at, "an axis needs at least one value, got none; give values or remove the key")
        return None
    if isinstance(content, list | tuple):
        accepted = problems.check_all(allowed, content, at)
    else:
        has_several = isinstance(content, str) and "," in content
        advice = f"; several values are a list: [{content}]" if has_several else ""
        accepted = (problems.check(allowed, content, at, advice),)
    if None in accepted:
        return None
    return Selected(choice=accepted) if form == "choice" else Values(values=accepted)


def _read_distribution(
    form: str, content: object, field: FieldInfo, allowed: TypeAdapter[Any], problems: Problems, at: Location
) -> SearchAxis | None:
    if not _takes_any_number(field):
        problems.add(at, f"only settings that can take any number can be sampled by {form}; use a list or `choice`")
        return None
    if not isinstance(content, list | tuple) or len(content) != _BOUNDS:
        problems.add(at, f"must be two bounds, [lowest, highest], got {shown(content)}")
        return None
    low, high = problems.check_all(allowed, content, at)
    if low is None or high is None:
        return None
    if low >= high:
        problems.add(at, f"the first bound must be below the second, got {shown(content)}")
        return None
    if form == "uniform":
        return Uniform(uniform=(low, high))
    if low <= 0:
        problems.add((*at, 0), f"a loguniform bound must be greater than 0, got {shown(low)}")
        return None
    return LogUniform(loguniform=(low, high))


def _takes_any_number(field: FieldInfo) -> bool:
    """Whether it is a number, perhaps one that may be null, between bounds alone."""
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not NoneType]
    plain = {getattr(kind, "__origin__", kind) for kind in kinds}  # what is annotated
    return plain <= {int, float} and not any(hasattr(limit, "multiple_of") for limit in field.metadata)
