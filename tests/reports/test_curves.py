"""Curves and the front as points."""

from __future__ import annotations

import math

from dbsweep.records.choice import Overrule
from dbsweep.records.names import Metric
from dbsweep.records.results import Score
from dbsweep.records.run import RunRecord
from dbsweep.reports.curves import front_points, panels


def test_panels_and_their_curves(record: RunRecord) -> None:
    found = panels(record)
    assert [panel.title for panel in found] == ["Utility", "Identity", "Style", "Prior", "Training loss"]
    identity = found[1]
    assert [(c.trial, c.tone) for c in identity.curves] == [
        ("t002", "undertrained"),
        ("t006", "overtrained"),
        ("t004", "chosen"),
    ]
    assert [p.epoch for p in identity.curves[0].points] == [0, 10, 20, 30, 40, 50, 60]


def test_points_carry_the_interval_and_name_the_trials(record: RunRecord) -> None:
    curve = panels(record)[1].curves[0]
    card = record.scorecards["b01-000120"].scores[Metric.IDENTITY]
    point = curve.points[1]
    assert (point.value, point.low, point.high) == (card.value, card.low, card.high)
    low, high = (f"{v:.2f}".replace("-", "−") for v in (card.low, card.high))
    assert point.tip == f"t001 and t002, epoch 10\nIdentity {card.value:.2f} ({low} to {high})"
    assert curve.points[0].tip.startswith("base model\n")


def test_the_validation_loss_has_a_panel_where_photos_are_held_out(record: RunRecord) -> None:
    loss = Score(value=0.12346, low=0.1, high=0.2, samples=(0.1, 0.2))
    cards = {
        name: card.model_copy(update={"scores": {**card.scores, Metric.VALIDATION_LOSS: loss}})
        for name, card in record.scorecards.items()
    }
    panel = panels(record.model_copy(update={"scorecards": cards}))[-1]
    assert panel.title == "Validation loss"
    assert panel.curves[0].points[1].tip == "t001 and t002, epoch 10\nValidation loss 0.1235"


def test_values_that_are_not_numbers_leave_a_gap(record: RunRecord) -> None:
    card = record.scorecards["b01-000240"]
    lost = card.scores[Metric.STYLE].model_copy(update={"value": math.nan})
    broken = card.model_copy(update={"scores": {**card.scores, Metric.STYLE: lost}})
    changed = record.model_copy(update={"scorecards": {**record.scorecards, "b01-000240": broken}})
    style = next(panel for panel in panels(changed) if panel.title == "Style")
    curve = next(curve for curve in style.curves if curve.trial == "t002")
    assert [p.epoch for p in curve.points] == [0, 10, 30, 40, 50, 60]


def test_a_run_that_has_measured_nothing_has_no_panels(record: RunRecord) -> None:
    empty = record.model_copy(update={"checkpoints": {}, "scorecards": {}, "logs": {}, "choice": None})
    assert panels(empty) == ()
    assert front_points(empty) == ()


def test_the_front_has_each_checkpoint_once_and_the_chosen_last(record: RunRecord) -> None:
    assert record.choice is not None
    points = front_points(record)
    assert len(points) == len(record.checkpoints) < len(record.choice.candidates)
    assert [p.tone for p in points].count("chosen") == 1
    assert points[-1].tone == "chosen"
    best = record.choice.best
    assert points[-1].tip.startswith(f"{best.trial}, epoch {best.epoch}\n")


def test_the_training_loss_is_the_whole_loss(record: RunRecord) -> None:
    logs = {name: log.model_copy(update={"instance_loss": 0.9, "prior_loss": 0.8}) for name, log in record.logs.items()}
    panel = panels(record.model_copy(update={"logs": logs}))[-1]
    told = [(p.epoch, p.value, p.tip) for p in panel.curves[0].points]
    assert told[0][0] == 10  # the base model was not trained
    first = record.logs["b01-000120"].loss
    assert told[0][1:] == (first, f"t001 and t002, epoch 10\nTraining loss {first:.4f}")


def test_what_a_person_takes_of_a_shorter_trial_is_drawn_as_chosen(record: RunRecord) -> None:
    assert record.choice is not None
    mine = next(c for c in record.choice.candidates if c.trial == "t001")
    overruled = record.model_copy(update={"overrule": Overrule(candidate=mine, because="sharper", time=0.0)})
    panel = panels(overruled)[1]
    assert panel.chosen_epoch == mine.epoch
    assert [c.trial for c in panel.curves if c.tone == "chosen"] == ["t002"]
    assert panel.curves[-1].tone == "chosen"  # on top
    points = front_points(overruled)
    assert [p.tip.split("\n")[0] for p in points if p.tone == "chosen"] == [f"t001, epoch {mine.epoch}"]


def test_the_front_is_drawn_above_what_it_beats_where_the_scores_put_it(record: RunRecord) -> None:
    assert record.choice is not None
    lost = record.choice.candidates[-1].model_copy(update={"style": math.nan})
    candidates = (*record.choice.candidates[:-1], lost)
    points = front_points(
        record.model_copy(update={"choice": record.choice.model_copy(update={"candidates": candidates})})
    )
    told = {c.checkpoint: c for c in candidates if c.checkpoint != lost.checkpoint}
    assert len(points) == len(told)
    ranks = [("plain", "front", "chosen").index(p.tone) for p in points]
    assert ranks == sorted(ranks)
    assert set(ranks) == {0, 1, 2}
    best = record.choice.best
    assert (points[-1].identity, points[-1].style, points[-1].prior) == (best.identity, best.style, best.prior)
    levels = f"Identity {best.identity:.2f} · style {best.style:.2f} · prior {best.prior:.2f}"
    assert points[-1].tip == f"{best.trial}, epoch {best.epoch}\n{levels}\nUtility {best.utility:.2f}"


def test_who_was_never_looked_at_has_no_curve_of_the_base_model_alone(record: RunRecord) -> None:
    cards = {name: card for name, card in record.scorecards.items() if not name.startswith("b01")}
    found = panels(record.model_copy(update={"scorecards": cards}))
    assert {c.trial for c in found[1].curves} == {"t004", "t006"}


def test_an_interval_to_one_side_is_told(record: RunRecord) -> None:
    card = record.scorecards["b01-000120"]
    perfect = card.model_copy(
        update={"scores": {**card.scores, Metric.STYLE: Score(value=1.0, low=0.9, high=1.0, samples=())}}
    )
    style = panels(record.model_copy(update={"scorecards": {**record.scorecards, card.checkpoint: perfect}}))[2]
    assert style.curves[0].points[1].tip.endswith("\nStyle 1.00 (0.90 to 1.00)")


def test_the_chosen_dot_is_told_by_the_trial_that_was_chosen_though_others_share_it(record: RunRecord) -> None:
    assert record.choice is not None
    first = record.checkpoints_of("t001")[0].id
    mine = next(c for c in record.choice.candidates if c.trial == "t002" and c.checkpoint == first)
    overruled = record.model_copy(update={"overrule": Overrule(candidate=mine, because="sharper", time=0.0)})
    assert front_points(overruled)[-1].tip.startswith("t002, epoch 10\n")
