"""The `search` section of the experiment file: what is swept, who proposes the points, who ends the poor ones."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_serializer, model_validator

from dbsweep.config.axes import SearchAxis, Values
from dbsweep.config.fields import Count, Fraction, NotBool, Section, count_or
from dbsweep.config.problems import Problems
from dbsweep.config.search_axes import allowed_values, read_axes
from dbsweep.config.train import Train


class SearcherName(StrEnum):
    """Who proposes the sampled points."""

    RANDOM = "random"
    OPTUNA = "optuna"


class SchedulerName(StrEnum):
    """Who ends trials that others have outrun, beside the verdict."""

    OUTRUN = "outrun"
    ASHA = "asha"
    NONE = "none"


Reduction = Annotated[float, Field(gt=1.0, allow_inf_nan=False), NotBool]


class Search(Section):
    """Which settings are swept: lists are grid axes, distributions are sampled `samples` times.

    Every sampled point is tried with every combination of the grid axes. In YAML the axes stand beside the other
    keys, each in its short form (see `read_axes`); so they do in dumps.

    Attributes:
        axes: by the setting's name in `Train`; every value is allowed there and has that field's type.
    """

    axes: dict[str, SearchAxis] = Field(default_factory=dict)
    samples: Count = Field(1, description="number of sampled points if at least one axis is a distribution")
    searcher: SearcherName = Field(
        SearcherName.RANDOM,
        description="random, or optuna, which proposes points by the utility of earlier ones (TPE) and needs the extra",
    )
    random_samples: Count = Field(10, description="points drawn at random before optuna proposes any")
    suggest_at_once: Count = Field(
        4, description="points that optuna proposes together, so that they share steps and run side by side"
    )
    scheduler: SchedulerName = Field(
        SchedulerName.OUTRUN,
        description="outrun ends a trial if another was surely better by the same epoch, and the trial would not catch"
        " up (see catch_up); asha ends, at rungs of epochs, all that are not among the best so far;"
        " with none, only the verdict ends trials",
    )
    catch_up: Fraction = Field(
        0.5,
        description="for outrun: up to this share of the longest trial's epochs a trial that is behind goes on if it"
        " would catch up at its pace; 0 never waits for it, 1 does to the end",
    )
    grace_epochs: Annotated[Literal["auto"] | Count, count_or("auto")] = Field(
        "auto",
        description="epochs before which the scheduler ends no trial, and the first rung of asha; auto is a quarter of"
        " the longest trial's epochs, a third for asha",
    )
    reduction_factor: Reduction = Field(
        4.0, description="for asha: one trial in this many goes on, to this many times the epochs"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_yaml_shape(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        section = {str(key): value for key, value in data.items()}
        if isinstance(section.get("axes"), Mapping):
            section |= section.pop("axes")
        problems, given = Problems(), [name for name in _OWN if name in section]
        own = {name: problems.check(allowed_values(cls, name), section.pop(name), (name,)) for name in given}
        if "memory" in section:
            del section["memory"]
            problems.add(("memory",), "cannot be swept: what saves memory is chosen for all trials; set train.memory")
        axes = read_axes(section, Train, problems, others=_OWN)
        problems.refuse("search")
        return {"axes": axes, **own}

    @model_validator(mode="after")
    def _samples_need_a_distribution(self) -> Search:
        for name, value in (("samples", self.samples), ("searcher", self.searcher.value)):
            if value not in (1, SearcherName.RANDOM) and not self.sampled:
                raise ValueError(
                    f"`{name}: {value}` has no effect because no axis is a distribution "
                    "(loguniform, uniform, choice); remove it, or make one"
                )
        return self

    @property
    def sampled(self) -> dict[str, SearchAxis]:
        """The axes that are distributions."""
        return {name: axis for name, axis in self.axes.items() if not isinstance(axis, Values)}

    @property
    def grid(self) -> dict[str, Values]:
        """The axes that are lists."""
        return {name: axis for name, axis in self.axes.items() if isinstance(axis, Values)}

    @property
    def hidden(self) -> tuple[str, ...]:
        """Settings whose value in `train` is for nothing, because they are swept.

        Two are looked at beside the trials: all checkpoints are drawn at `train.resolution`, and `train.seed` decides
        which points are sampled.
        """
        still_used = ("resolution", "seed") if self.sampled else ("resolution",)
        return tuple(name for name in self.axes if name not in still_used)

    @property
    def points_known(self) -> int:
        """How many of the samples are known before anything has been trained."""
        return self.samples if self.searcher is SearcherName.RANDOM else min(self.random_samples, self.samples)

    @model_serializer
    def _to_yaml_shape(self) -> dict[str, object]:
        axes = {
            name: list(axis.values) if isinstance(axis, Values) else axis.model_dump(mode="json")
            for name, axis in self.axes.items()
        }
        chosen = {name: getattr(self, name) for name in _OWN if name in _ALWAYS or name in self.model_fields_set}
        return {name: getattr(value, "value", value) for name, value in chosen.items()} | axes


_OWN = tuple(name for name in Search.model_fields if name != "axes")
_ALWAYS = ("samples", "scheduler")
"""What stands in every run's file, said or not."""
