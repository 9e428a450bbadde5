"""The sections `choose` and `verdict` of the experiment file: what a checkpoint is worth, and when one has gone bad."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from dbsweep.config.fields import Fraction, NotBool, NotNegative, Section
from dbsweep.config.messages import did_you_mean
from dbsweep.records.names import Metric


@dataclass(frozen=True, slots=True)
class Constraint:
    """What the mean of a metric must be.

    Attributes:
        at_least: whether `limit` is the smallest value allowed; else the largest.
    """

    metric: Metric
    at_least: bool
    limit: float

    def shortfall(self, value: float) -> float:
        """How far a value is from being allowed, in the metric's unit; 0 where it is, infinite for NaN."""
        if math.isnan(value):
            return math.inf
        return max(self.limit - value if self.at_least else value - self.limit, 0.0)

    def __str__(self) -> str:
        return f"{self.metric.value} {'>=' if self.at_least else '<='} {self.limit:g}"


Enough: TypeAlias = Annotated[float, Field(gt=0.0, le=1.0), NotBool]

_CONSTRAINT = re.compile(r"\s*(?P<metric>[A-Za-z_]+)\s*(?P<sign>[<>=!]+)\s*(?P<limit>\S+)\s*")


def parse_constraint(text: str) -> Constraint:
    """Read ``METRIC >= NUMBER`` or ``METRIC <= NUMBER``, such as ``identity >= 0.6``.

    Raises:
        ValueError: it is not of this form, the metric is unknown, or the number is not finite.
    """
    match = _CONSTRAINT.fullmatch(text)
    if match is None:
        raise ValueError(f"must be of the form `identity >= 0.6`, got {text!r}")
    name, sign, number = match["metric"], match["sign"], match["limit"]
    if name not in set(Metric):
        raise ValueError(f"there is no metric {name!r}; {did_you_mean(name, [m.value for m in Metric])}")
    if sign not in (">=", "<="):
        raise ValueError(f"must compare with >= or <=, got {sign!r} in {text!r}")
    try:
        limit = float(number)
    except ValueError:
        limit = math.nan
    if not math.isfinite(limit):
        raise ValueError(f"must compare with a number, got {number!r} in {text!r}")
    return Constraint(Metric(name), sign == ">=", limit)


def _normalised(text: str) -> str:
    return str(parse_constraint(text))


class Weights(Section):
    """How much each of the three counts; only their ratios matter."""

    identity: NotNegative = Field(1.0, description="weight of likeness to the photos")
    style: NotNegative = Field(1.0, description="weight of the styles that the model still follows")
    prior: NotNegative = Field(1.0, description="weight of the class staying as it was")

    @model_validator(mode="after")
    def _one_counts(self) -> Weights:
        if self.identity == self.style == self.prior == 0.0:
            raise ValueError("needs at least one weight above 0")
        return self


class Choosing(Section):
    """What a checkpoint is worth: the weighted harmonic mean of identity, style times identity, and prior."""

    weights: Weights = Weights()
    enough_style: Enough = Field(0.5, description="more style than this is no better")
    enough_prior: Enough = Field(1.0, description="more prior than this is no better")
    constraints: tuple[Annotated[str, AfterValidator(_normalised)], ...] = Field(
        (), description="requirements on the chosen checkpoint, each like `identity >= 0.6`"
    )
    standard_errors: NotNegative = Field(
        1.0, description="an earlier checkpoint wins only if it is worse by at most this many standard errors; 0: never"
    )
    tolerance: NotNegative = Field(
        0.005, description="and only if its expected loss of utility is at most this, on the scale 0 to 1; 0: never"
    )

    @property
    def limits(self) -> tuple[Constraint, ...]:
        """The constraints, read."""
        return tuple(parse_constraint(text) for text in self.constraints)


class Judging(Section):
    """When a training counts as overtrained, ready or collapsed; levels are on the scales 0 to 1 of the scores."""

    drop: Annotated[float, Field(gt=0.0, le=1.0), NotBool] = Field(
        0.15, description="smallest fall of style or prior that matters"
    )
    enough_style: Enough = Field(0.7, description="style above this is not missed when it is lost")
    enough_prior: Enough = Field(0.5, description="prior above this is not missed when it is lost")
    identity_gain: Fraction = Field(0.05, description="a smaller rise of identity counts as none")
    fair_price: NotNegative = Field(
        0.5, description="a fall of style or prior is fair if identity rises by this times the fall"
    )
    lost_level: Fraction = Field(0.2, description="style at or below this is lost; no rise of identity makes that fair")
    error: Annotated[float, Field(gt=0.0, lt=0.5), NotBool] = Field(
        0.05, description="chance that a training in which nothing changes is ever called overtrained"
    )
    ready_identity: Fraction = Field(0.5, description="identity from which the subject counts as learned")
    collapsed_level: Fraction = Field(
        0.1, description="if identity, style and prior are all at or below this, the images are noise"
    )
    collapsed_quality: Fraction = Field(0.5, description="image quality at or below this means noise or burnt images")
