"""What the colours and marks of the charts mean: of those that are drawn, and of no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dbsweep.records.names import VerdictState
from dbsweep.reports.curves import FrontPoint, Panel
from dbsweep.reports.words import VERDICT_NAMES

_SPOILT: Final = (VerdictState.OVERTRAINED, VerdictState.COLLAPSED)
"""States that share a colour."""
_NAMED: Final = {"chosen", VerdictState.UNDERTRAINED, *_SPOILT}


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a legend: how something is drawn (a CSS class), and what it is."""

    tone: str
    words: str


def curve_keys(panels: Sequence[Panel]) -> tuple[Key, ...]:
    """The entries for the curves of all panels."""
    tones = {curve.tone for panel in panels for curve in panel.curves}
    keys = []
    if "chosen" in tones:
        keys += [Key("chosen", "chosen trial, with its 95% interval"), Key("here", "chosen epoch")]
    if spoilt := [VERDICT_NAMES[state] for state in _SPOILT if state in tones]:
        keys.append(Key(VerdictState.OVERTRAINED.value, " or ".join(spoilt)))
    if VerdictState.UNDERTRAINED in tones:
        keys.append(Key(VerdictState.UNDERTRAINED.value, VERDICT_NAMES[VerdictState.UNDERTRAINED]))
    if tones - _NAMED:
        keys.append(Key("plain", "the others" if keys else "the trials"))
    return tuple(keys)


def front_keys(points: Sequence[FrontPoint]) -> tuple[Key, ...]:
    """The entries for the dots of the front."""
    tones = {point.tone for point in points}
    keys = (
        Key("chosen", "chosen"),
        Key("front", "on the front: nothing beats it in identity, style and prior at once"),
        Key("plain", "the others"),
    )
    return tuple(key for key in keys if key.tone in tones)
