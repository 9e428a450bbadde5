"""Evidence, word for word."""

from __future__ import annotations

import pytest

from dbsweep.records.names import Metric
from dbsweep.selection.verdict import judge
from tests.selection.curves import NAN, Level, base_card, card, flat_card, steps


@pytest.mark.parametrize(
    ("levels", "evidence"),
    [
        (
            [(0.8, 0.8, 0.9), (0.79, 0.82, 0.9), (0.8, 0.41, 0.9)],
            "style fell from 0.82 to 0.41 of the base's between epoch 20 and 30 "
            "(95% interval of the drop 0.41 to 0.41) while identity rose 0.01",
        ),
        (
            [(0.8, 0.8, 0.9), (0.7, 0.8, 0.3)],
            "prior fell from 0.90 to 0.30 of the base's between epoch 10 and 20 "
            "(95% interval of the drop 0.60 to 0.60) while identity fell 0.10",
        ),
        (
            [(NAN, NAN, NAN)],
            "at epoch 10 identity, style and prior could not be measured: the images are blank or not a number",
        ),
        ([(0.5, 0.5, NAN)], "at epoch 10 prior could not be measured: the images are blank or not a number"),
        ([(0.5, NAN, NAN)], "at epoch 10 style and prior could not be measured: the images are blank or not a number"),
        (
            [(0.02, 0.03, -0.5)],
            "at epoch 10 nothing is left of subject or base model: identity 0.02, style 0.03, prior 0.00",
        ),
        (
            [(0.8, 0.8, 0.9), (-0.6, -0.4, 0.9)],
            "style fell from 0.80 to nothing of the base's between epoch 10 and 20 (95% interval of the drop: all of "
            "it) while identity fell from 0.80 to nothing",
        ),
        (
            [(-0.3, 0.4, 0.9), (-0.9, 0.2, 0.9)],
            "style fell from 1.00 to 0.40 of the base's between epoch 0 and 10 (95% interval of the drop 0.60 to 0.60) "
            "while neither shows the subject",
        ),
        (
            [(0.8, 0.8, 0.9), (0.801, 0.4, 0.9)],
            "style fell from 0.80 to 0.40 of the base's between epoch 10 and 20 (95% interval of the drop 0.40 to "
            "0.40) while identity stayed at 0.80",
        ),
        (
            [(0.9, 0.15, 0.9)],
            "style fell from 1.00 to 0.15 of the base's between epoch 0 and 10 (95% interval of the drop 0.85 to 0.85) "
            "while identity rose 0.90, which does not make up for losing the last of it",
        ),
        # Half of 0.7 - 0.23 is paid; the utility falls from 3/(2/.6 + 1) = 0.69 to 3/(1/.85 + .7/.1955 + 1) = 0.52.
        (
            [(0.6, 0.9, 0.9), (0.85, 0.23, 0.9)],
            "style fell from 0.90 to 0.23 of the base's between epoch 10 and 20 (95% interval of the drop 0.67 to "
            "0.67) while identity rose 0.25, which is worth less than what was lost",
        ),
        (
            [(-0.9, 0.9, 0.9), (-0.1, 0.15, 0.9)],
            "style fell from 1.00 to 0.15 of the base's between epoch 0 and 20 (95% interval of the drop 0.85 to 0.85) "
            "while neither shows the subject",
        ),
        ([(0.7, 0.9, 0.95)], "identity 0.70, style 0.90, prior 0.95 at epoch 10; identity 0.50 counts as ready"),
        ([], "no checkpoint has been scored yet"),
    ],
)
def test_evidence(levels: list[Level], evidence: str) -> None:
    assert judge(steps(*levels), base_card(), finished=False, steps_per_epoch=12).evidence == evidence


def test_no_more_is_lost_than_there_was() -> None:
    """Style of 0.6 that scatters falls to nothing: the interval of the fall ends at 0.6."""
    samples = {Metric.IDENTITY: [0.8] * 4, Metric.STYLE: [0.3, 0.9] * 4, Metric.PRIOR: [0.9] * 4}
    fallen = flat_card("b", 0.8, 0.0, 0.9)
    evidence = judge([(120, card("a", samples)), (240, fallen)], base_card(), finished=False, steps_per_epoch=12)
    assert "style fell from 0.60 to nothing of the base's between epoch 10 and 20" in evidence.evidence
    assert " to 0.60) while" in evidence.evidence


def test_an_interval_that_holds_no_fall_says_why_the_fall_is_told_all_the_same() -> None:
    """Two images fall by 0.8 and 0.6: Student's t of one degree of freedom is 12.7, and 0.7 - 12.7 · 0.1 = -0.57. Six
    checkpoints before that were alike tell more of the scatter."""
    styles = [*[[0.8, 0.8]] * 6, [0.0, 0.2]]
    rows = [{Metric.IDENTITY: [0.8] * 2, Metric.STYLE: style, Metric.PRIOR: [0.9] * 2} for style in styles]
    cards = [(120 * place, card(f"c{place}", row)) for place, row in enumerate(rows, start=1)]
    base = card("base", {Metric.IDENTITY: [0.0] * 2, Metric.STYLE: [1.0] * 2, Metric.PRIOR: [1.0] * 2})
    assert judge(cards, base, finished=True, steps_per_epoch=12).evidence == (
        "style fell from 0.80 to 0.10 of the base's between epoch 10 and 70 (95% interval of the drop -0.57 to 0.80 by "
        "these two alone; by all checkpoints together it is more than chance) while identity stayed at 0.80"
    )


def test_levels_come_with_their_intervals() -> None:
    scored = flat_card("c", 0.7, 0.9, 0.95)
    score = scored.scores[Metric.IDENTITY].model_copy(update={"low": 0.62, "high": 0.78})
    scored = scored.model_copy(update={"scores": {**scored.scores, Metric.IDENTITY: score}})
    evidence = judge([(120, scored)], base_card(), finished=False, steps_per_epoch=12).evidence
    assert evidence.startswith("identity 0.70 (0.62 to 0.78), style 0.90, prior 0.95 at epoch 10;")
    lone = scored.scores[Metric.PRIOR].model_copy(update={"low": NAN, "high": NAN})
    scored = scored.model_copy(update={"scores": {**scored.scores, Metric.PRIOR: lone}})
    evidence = judge([(120, scored)], base_card(), finished=False, steps_per_epoch=12).evidence
    assert evidence.startswith("identity 0.70 (0.62 to 0.78), style 0.90, prior 0.95 at epoch 10;")
