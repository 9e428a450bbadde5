"""Numbers, settings and times as people read them."""

from __future__ import annotations

import pytest

from dbsweep.records.names import TrialState, VerdictState
from dbsweep.reports.words import (
    as_sentence,
    duration,
    in_a_word,
    listing,
    moment,
    number,
    setting_name,
    shortened,
    standing,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.824, "0.82"), (1.0, "1.00"), (-0.126, "−0.13"), (-0.001, "0.00"), (float("nan"), "–"), (float("inf"), "–")],
)
def test_number(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("dotted", "text"),
    [
        ("class_images_per_instance", "class images per instance"),
        ("train.lr_scheduler", "learning-rate scheduler"),
        ("lora_rank", "LoRA rank"),
        ("min_snr_gamma", "min SNR gamma"),
    ],
)
def test_setting_name(dotted: str, text: str) -> None:
    assert setting_name(dotted) == text


@pytest.mark.parametrize(
    ("note", "sentence"),
    [
        ("scheduler outrun: ends some", "Scheduler outrun: ends some."),
        ("t001 ran out of memory", "t001 ran out of memory."),
        ("grace_epochs has no effect", "grace_epochs has no effect."),
        ("'ohwx' means nothing", "'ohwx' means nothing."),
        ("72 checkpoints", "72 checkpoints."),
        ("It is said.", "It is said."),
    ],
)
def test_as_sentence(note: str, sentence: str) -> None:
    assert as_sentence(note) == sentence


@pytest.mark.parametrize(("names", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_listing(names: list[str], text: str) -> None:
    assert listing(names) == text


LONG = "photo of ohwx man by Alphonse Mucha"


@pytest.mark.parametrize(
    ("texts", "short"),
    [
        (["elf", "a wizard"], ["elf", "a wizard"]),
        ([LONG, "elf"], ["photo of ohwx … Mucha", "elf"]),
        (["ohwxman" * 5], ["ohwxmanohwxmanoh … xmanohwxman"]),
        (
            [LONG, LONG.replace("Alphonse", "Ferdinand")],
            [LONG, LONG.replace("Alphonse", "Ferdinand")],
        ),  # or both were alike
        (["x" * 28], ["x" * 28]),  # as much as there is room for
        ([LONG, LONG], ["photo of ohwx … Mucha"] * 2),  # they are
        ([], []),
    ],
)
def test_texts_for_where_there_is_little_room(texts: list[str], short: list[str]) -> None:
    assert shortened(texts) == tuple(short)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(44.6, "45 s"), (60, "1 min 00 s"), (331, "5 min 31 s"), (3600, "1 h 00 min"), (11_100, "3 h 05 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_moment_is_in_universal_time() -> None:
    assert moment(0.0) == "1 January 1970, 00:00 UTC"


@pytest.mark.parametrize(
    ("state", "verdict", "badge"),
    [
        (TrialState.FAILED, VerdictState.READY, ("failed", "failed")),
        (TrialState.INTERRUPTED, VerdictState.LEARNING, ("interrupted", "interrupted")),
        (TrialState.STOPPED, VerdictState.OVERTRAINED, ("overtrained", "overtrained")),
        (TrialState.STOPPED, VerdictState.READY, ("ready", "ended early, ready")),  # outrun by another trial
        (TrialState.RUNNING, VerdictState.LEARNING, ("learning", "still learning")),
        (TrialState.PENDING, None, ("pending", "pending")),
    ],
)
def test_standing(state: TrialState, verdict: VerdictState | None, badge: tuple[str, str]) -> None:
    assert standing(state, verdict) == badge


@pytest.mark.parametrize(
    ("state", "verdict", "word"),
    [
        (TrialState.PENDING, None, "pending"),
        (TrialState.PENDING, VerdictState.LEARNING, "pending"),  # its parent was looked at
        (TrialState.INTERRUPTED, VerdictState.READY, "interrupted"),
        (TrialState.RUNNING, VerdictState.LEARNING, "learning"),
        (TrialState.COMPLETED, VerdictState.READY, "ready"),
        (TrialState.STOPPED, VerdictState.OVERTRAINED, "overtrained"),
        (TrialState.STOPPED, VerdictState.READY, "stopped"),  # outrun by another trial
        (TrialState.FAILED, VerdictState.READY, "failed"),
    ],
)
def test_state_and_verdict_in_a_word(state: TrialState, verdict: VerdictState | None, word: str) -> None:
    assert in_a_word(state, verdict) == word
