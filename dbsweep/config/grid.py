"""A grid of the experiment file: one prompt over one to three axes."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import Field, model_validator

from dbsweep.config.axes import AxisKind, GridAxis
from dbsweep.config.concept import contains_words
from dbsweep.config.fields import Section, Seed
from dbsweep.config.problems import Problems
from dbsweep.records.record import Scalar


class Grid(Section):
    """Images of the chosen checkpoint over one to three axes."""

    prompt: str = Field(min_length=1, description="prompt of the grid, in A1111's notation of weights")
    negative_prompt: str = Field("", description="negative prompt of the grid")
    x: GridAxis
    y: GridAxis | None = Field(None, description="a second axis, like `x`")
    z: GridAxis | None = Field(None, description="a third axis, like `x`: one table per value")
    seeds: tuple[Seed, ...] = Field((0,), min_length=1, description="one image per seed in each cell")

    @property
    def named_axes(self) -> dict[str, GridAxis]:
        """Its one to three axes by their names: x, y, z."""
        axes = {"x": self.x, "y": self.y, "z": self.z}
        return {name: axis for name, axis in axes.items() if axis is not None}

    @property
    def axes(self) -> tuple[GridAxis, ...]:
        """Its one to three axes: x, y, z."""
        return tuple(self.named_axes.values())

    def axis(self, kind: AxisKind) -> GridAxis | None:
        """The axis that varies something, if one does."""
        return next((axis for axis in self.axes if axis.axis is kind), None)

    def with_custom_models(self, named: Callable[[str], str]) -> Grid:
        """With the models that it merges into named otherwise."""
        named_axes = {
            name: axis.model_copy(update={"into": named(axis.into)})
            for name, axis in self.named_axes.items()
            if axis.into is not None
        }
        return self.model_copy(update=named_axes)

    def worded(self, text: str, words: Scalar | None) -> str:
        """A prompt, or a part of one, with a value of the words axis in the place of its first, as A1111's Prompt S/R.

        Words are replaced before some are weighted, whichever axis is x, and in the words to be weighted too: what
        takes the place of the subject takes its weight.
        """
        axis = self.axis(AxisKind.WORDS)
        return text if axis is None or words is None else text.replace(str(axis.values[0]), str(words))

    @model_validator(mode="after")
    def _axes_fit_together(self) -> Grid:
        kinds, problems = [axis.axis for axis in self.axes], Problems()
        if len(set(kinds)) < len(kinds):
            problems.add((), f"every axis must vary something else, got {', '.join(kinds)}")
        if AxisKind.SEED in kinds and len(self.seeds) > 1:
            problems.add((), "has a seed axis, so `seeds` must be left out")
        for name, axis in self.named_axes.items():
            if axis.word is not None and not contains_words(self.prompt, axis.word):
                message = f"the prompt must contain the word {axis.word!r} of its axis, got {self.prompt!r}"
                problems.add((), message)
            if axis.axis is AxisKind.WORDS:
                self._check_words(name, axis, problems)
            if axis.axis is AxisKind.CHECKPOINT and AxisKind.MERGE_RATIO in kinds and "base" in axis.values:
                message = "has learned nothing to merge, got 'base': the custom model alone is merge_ratio 0"
                problems.add((name, "values", axis.values.index("base")), message)
        problems.refuse("grid")
        return self

    def _check_words(self, name: str, axis: GridAxis, problems: Problems) -> None:
        """The first value stands in a prompt, and whatever takes its place, there is something to be weighted."""
        needle, texts = str(axis.values[0]), (self.prompt, self.negative_prompt)
        if not any(needle in text for text in texts):
            beside = f" with negative prompt {self.negative_prompt!r}" if self.negative_prompt else ""
            message = f"{needle!r}, which the others replace, must stand in the prompt or the negative prompt, got"
            problems.add((name, "values", 0), f"{message} {self.prompt!r}{beside}")
            return
        weight = self.axis(AxisKind.PROMPT_WEIGHT)
        if weight is None or weight.word is None or not contains_words(self.prompt, weight.word):
            return
        for index, words in enumerate(axis.values):
            prompt, weighted = self.worded(self.prompt, words), self.worded(weight.word, words)
            if not weighted.strip() or not contains_words(prompt, weighted):
                message = f"leaves nothing to weight for {weight.word!r} of axis prompt_weight, got {words!r}"
                problems.add((name, "values", index), f"{message}, with which the prompt is {prompt!r}")
