"""Checkpoints that a choice is made among, one for each set of scores."""

from __future__ import annotations

import numpy as np

from dbsweep.records.names import Metric
from dbsweep.records.results import Checkpoint, Scorecard
from dbsweep.selection.pick import ChoiceSettings
from tests.selection.curves import Level, card, flat_card, noisy_cards

FAST = ChoiceSettings(tolerance=0.02, resamples=2000)


def checkpoint(branch: str, step: int) -> Checkpoint:
    name = f"{branch}-{step:06d}"
    return Checkpoint(id=name, branch=branch, step=step, epoch=step // 12, path=name, sha256=name, bytes=1)


def candidate(trial: str, branch: str, step: int, *level: float) -> tuple[str, Checkpoint, Scorecard]:
    at = checkpoint(branch, step)
    return trial, at, flat_card(at.id, *level)


def noisy(
    branch: str, levels: list[Level], *, scatter: float, seed: int = 1
) -> list[tuple[str, Checkpoint, Scorecard]]:
    cards = noisy_cards(levels, scatter=scatter, seed=seed)
    return [(f"t{branch[1:]}", checkpoint(branch, step), scored) for step, scored in cards]


def styled(step: int, style: np.ndarray) -> tuple[str, Checkpoint, Scorecard]:
    """A checkpoint of b01 with identity and prior 0.8 and these style samples."""
    at = checkpoint("b01", step)
    return "t001", at, card(at.id, {Metric.IDENTITY: [0.8] * 4, Metric.STYLE: style, Metric.PRIOR: [0.8] * 4})


def close(scatter: float) -> list[tuple[str, Checkpoint, Scorecard]]:
    """Style 0.78 and then 0.80, each sample off by the scatter, to opposite sides: the utility differs by 0.007."""
    wobble = np.tile([scatter, -scatter], 4)
    return [styled(200, 0.78 + wobble), styled(300, 0.8 - wobble)]
