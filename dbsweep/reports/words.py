"""How numbers, settings, states and times are written for people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from dbsweep.config.figures import apart, figure
from dbsweep.records.names import Metric, TrialState, VerdictState

METRIC_NAMES: Final[Mapping[Metric, str]] = MappingProxyType(
    {
        Metric.IDENTITY: "Identity",
        Metric.STYLE: "Style",
        Metric.PRIOR: "Prior",
        Metric.DIVERSITY: "Diversity",
        Metric.PROMPT_FIDELITY: "Prompt fidelity",
        Metric.QUALITY: "Quality",
        Metric.VALIDATION_LOSS: "Validation loss",
        Metric.MEMORISATION: "Memorisation",
        Metric.FACES: "Faces",
        Metric.SUBJECT_FIDELITY: "Subject fidelity",
        Metric.PRES: "PRES",
        Metric.DIV: "DIV",
        Metric.IDENTITY_LEAK: "Identity leak",
    }
)

VERDICT_NAMES: Final[Mapping[VerdictState, str]] = MappingProxyType(
    {
        VerdictState.LEARNING: "still learning",
        VerdictState.READY: "ready",
        VerdictState.OVERTRAINED: "overtrained",
        VerdictState.UNDERTRAINED: "undertrained",
        VerdictState.COLLAPSED: "collapsed",
    }
)

_ABBREVIATIONS: Final = {"lr": "learning-rate", "lora": "LoRA", "dora": "DoRA", "ema": "EMA", "snr": "SNR"}


def setting_name(dotted: str) -> str:
    """`class_images_per_instance` → `class images per instance`; A1111 and diffusers users know these words."""
    words = dotted.removeprefix("train.").replace(".", " ").split("_")
    return " ".join(_ABBREVIATIONS.get(word, word) for word in words)


def number(value: float) -> str:
    """A score with two decimals and a true minus sign; a dash where there is none (NaN)."""
    return plain_number(value).replace("-", "−")


def plain_number(value: float) -> str:
    """As `number`, with the minus sign of a keyboard, as logs and terminals have it."""
    return figure(value, 2) if math.isfinite(value) else "–"


def numbers(value: float, other: float) -> tuple[str, str]:
    """Two scores as `number` has them, with as many decimals as it takes to tell them apart."""
    if not math.isfinite(value - other):
        return number(value), number(other)
    first, second = apart(value, other)
    return first.replace("-", "−"), second.replace("-", "−")


def as_sentence(note: str) -> str:
    """A note that stands alone: `trained twice` → `Trained twice.`; names of trials and settings keep their letters."""
    first = note.partition(" ")[0].rstrip(":,")
    start = note[:1].upper() + note[1:] if first.isalpha() else note
    return start if start.endswith((".", "!", "?")) else f"{start}."


def listing(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *rest, last = names
    return f"{', '.join(rest)} and {last}" if rest else last


def shortened(texts: Sequence[str], most: int = 28) -> tuple[str, ...]:
    """Texts for where there is little room, without words of their middle; whole where two would be alike."""
    short = tuple(_without_middle(text, most) for text in texts)
    return short if len(set(short)) == len(set(texts)) else tuple(texts)


def moment(seconds: float) -> str:
    """A time since the epoch as `22 November 2026, 14:20 UTC`."""
    when = datetime.fromtimestamp(seconds, UTC)
    return f"{when.day} {when:%B %Y, %H:%M} UTC"


def duration(seconds: float) -> str:
    """A span in the two largest units that say something: `45 s`, `5 min 42 s`, `3 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def standing(state: TrialState, verdict: VerdictState | None) -> tuple[str, str]:
    """The badge of a trial: its kind (a CSS class) and its text; failures outrank verdicts.

    What other trials have outrun is told as ended, or it would seem to go on.
    """
    if state in (TrialState.FAILED, TrialState.INTERRUPTED):
        return state.value, state.value
    if verdict is not None:
        outrun = state is TrialState.STOPPED and verdict in (VerdictState.LEARNING, VerdictState.READY)
        return verdict.value, ("ended early, " if outrun else "") + VERDICT_NAMES[verdict]
    return state.value, state.value


def in_a_word(state: TrialState, verdict: VerdictState | None) -> TrialState | VerdictState:
    """State and verdict where there is room for one: the verdict, unless it leaves open how the training ended."""
    if verdict is None or state in (TrialState.PENDING, TrialState.FAILED, TrialState.INTERRUPTED):
        return state
    outrun = state is TrialState.STOPPED and verdict not in (VerdictState.OVERTRAINED, VerdictState.COLLAPSED)
    return state if outrun else verdict


def _without_middle(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    start, end = text[: most * 3 // 5], text[-(most * 2 // 5) :]
    return f"{start.rpartition(' ')[0] or start} … {end.partition(' ')[2] or end}"
