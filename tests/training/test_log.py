"""What is noted of every step: averages, and a series that stays short however many steps there are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from dbsweep.training import log as log_module
from dbsweep.training.log import POINTS, Meter
from tests.training.dreambooth import fresh_models, make_trainer, settings


class Clock:
    """Two seconds between any two looks."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        self.now += 2.0
        return self.now


def metered(steps: int, monkeypatch: pytest.MonkeyPatch) -> Meter:
    monkeypatch.setattr(log_module, "time", Clock())
    meter = Meter(torch.device("cpu"))
    for step in range(steps):
        meter.add(torch.tensor([3.0 * step, 2.0 * step, 1.0 * step, 0.5]), (0.1, 0.2 if step < 2 else 0.0), images=8)
    return meter


def test_few_steps_are_all_there(monkeypatch: pytest.MonkeyPatch):
    log = metered(3, monkeypatch).log(13)
    assert log.series is not None
    assert log.series.steps == (11, 12, 13)
    assert log.series.loss == (0.0, 3.0, 6.0)
    assert log.series.instance_loss == (0.0, 2.0, 4.0)
    assert log.series.prior_loss == (0.0, 1.0, 2.0)
    assert log.series.grad_norm == (0.5, 0.5, 0.5)
    assert log.series.learning_rate == (0.1, 0.1, 0.1)
    assert log.series.text_encoder_learning_rate == (0.2, 0.2, 0.0)
    assert log.series.images_per_s == (4.0, 4.0, 4.0)  # 8 images in 2 s
    assert (log.loss, log.instance_loss, log.prior_loss, log.grad_norm) == (3.0, 2.0, 1.0, 0.5)
    assert (log.learning_rate, log.text_encoder_learning_rate) == (0.1, 0.0)
    assert log.images_per_s == 24 / 8  # until the figures have been read, another look at the clock later


def test_many_steps_are_averaged_into_few_points(monkeypatch: pytest.MonkeyPatch):
    steps = 3 * POINTS + 5
    log = metered(steps, monkeypatch).log(steps)
    assert log.series is not None
    assert len(log.series.steps) == POINTS
    assert log.series.steps[-1] == steps
    spans = [end - start for start, end in zip((0, *log.series.steps), log.series.steps, strict=False)]
    assert set(spans) == {3, 4}
    weighted = sum(span * loss for span, loss in zip(spans, log.series.loss, strict=True)) / steps
    assert weighted == pytest.approx(log.loss, rel=1e-4)
    assert len(log.series.model_dump_json()) < 6000


def test_steps_whose_gradients_overflow_leave_the_norm_of_others(monkeypatch: pytest.MonkeyPatch):
    """As fp16's first ones do, until their scale is found: the loss counts, and there is no norm."""
    monkeypatch.setattr(log_module, "time", Clock())
    meter = Meter(torch.device("cpu"))
    for step in range(2 * POINTS):
        norm = float("inf") if step < 3 else 0.5
        meter.add(torch.tensor([float(step), 0.0, 0.0, norm]), (0.1, 0.1), images=8)
    log = meter.log(2 * POINTS)
    assert log.series is not None
    assert (log.grad_norm, log.loss) == (0.5, POINTS - 0.5)
    assert log.series.grad_norm == (float("inf"), *[0.5] * (POINTS - 1))
    assert log.series.loss[:2] == (0.5, 2.5)


def test_the_rates_of_a_point_are_those_of_its_last_step():
    steps = 2 * POINTS
    meter = Meter(torch.device("cpu"))
    for step in range(1, steps + 1):
        meter.add(torch.zeros(4), (float(step), 1000.0 + step), images=8)
    series = meter.log(steps).series
    assert series is not None
    assert series.steps == tuple(range(2, steps + 1, 2))
    assert series.learning_rate == series.steps
    assert series.text_encoder_learning_rate == tuple(1000 + step for step in series.steps)


def test_a_meter_goes_on_from_a_state(monkeypatch: pytest.MonkeyPatch):
    alone = metered(5, monkeypatch).log(5)
    first = metered(3, monkeypatch)
    second = Meter(torch.device("cpu"), first.state())
    for step in (3, 4):
        second.add(torch.tensor([3.0 * step, 2.0 * step, 1.0 * step, 0.5]), (0.1, 0.0), images=8)
    assert len(second) == 5
    log = second.log(5)
    assert log.model_copy(update={"memory_bytes": alone.memory_bytes}) == alone
    assert Meter(torch.device("cpu")).state() == {}


def test_the_trainer_notes_every_step_and_both_rates(tiny_sd: Path):
    train = settings(text_encoder_learning_rate=1e-4, lr_scheduler="constant_with_warmup", lr_warmup_steps=4)
    trainer = make_trainer(fresh_models(tiny_sd), train, text_encoder_steps=2)
    log = trainer.train_until(3)
    assert log.series is not None
    assert log.series.steps == (1, 2, 3)
    assert log.series.learning_rate == pytest.approx((0.0, 2.5e-4, 5e-4))
    assert log.series.text_encoder_learning_rate == pytest.approx((0.0, 2.5e-5, 0.0))
    assert (log.learning_rate, log.text_encoder_learning_rate) == (5e-4, 0.0)
    assert sum(log.series.loss) / 3 == pytest.approx(log.loss, rel=1e-4)
    assert log.images_per_s == pytest.approx(2 * log.steps_per_s)  # a photo and its class image


def test_the_rates_of_prodigy_are_those_that_it_has_found(tiny_sd: Path):
    train = settings(optimizer="prodigy", learning_rate=20.0)
    trainer = make_trainer(fresh_models(tiny_sd), train, text_encoder_steps=4)
    found = [1e-6]  # where it begins

    def note(_: int) -> None:
        found.append(trainer.state().get("optimizer_group.0.d", torch.tensor(1e-6)).item())

    log = trainer.train_until(6, on_step=note)
    assert log.series is not None
    assert found[5] > found[0]
    assert log.series.learning_rate == pytest.approx([20 * d for d in found[:6]], rel=1e-4)
    assert log.series.text_encoder_learning_rate == pytest.approx([20 * d for d in found[:4]] + [0, 0], rel=1e-4)


def test_steps_before_a_stop_are_told_of_after_it(tiny_sd: Path):
    train = settings(lr_scheduler="linear")
    alone = make_trainer(fresh_models(tiny_sd), train, 2).train_until(4)
    states: dict[int, dict[str, torch.Tensor]] = {}
    first = make_trainer(fresh_models(tiny_sd), train, 2)
    first.train_until(4, on_step=lambda step: states.update({step: first.state()}))
    for stop in (1, 3, 4):
        second = make_trainer(fresh_models(tiny_sd), train, 2)
        second.load_state(states[stop])
        assert second.untold == stop
        log = second.train_until(4)
        assert log.series is not None
        assert alone.series is not None
        assert (log.loss, log.grad_norm, log.learning_rate) == (alone.loss, alone.grad_norm, alone.learning_rate)
        assert (log.series.loss, log.series.learning_rate) == (alone.series.loss, alone.series.learning_rate)
        assert second.untold == 0
        with pytest.raises(ValueError, match="already at step 4"):
            second.train_until(4)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts a process's peak anew")
def test_peak_memory_is_that_of_the_steps(tiny_sd: Path):
    """And not of what the process did before them: drawing, or another trial of the same worker."""
    trainer = make_trainer(fresh_models(tiny_sd), settings())
    grabbed = 400 * 2**20

    def grab(_: int) -> None:
        torch.ones(grabbed, dtype=torch.uint8)

    before, during, after = trainer.train_until(1), trainer.train_until(2, on_step=grab), trainer.train_until(3)
    assert during.memory_bytes - before.memory_bytes > grabbed // 2
    assert during.memory_bytes - after.memory_bytes > grabbed // 2


@pytest.mark.parametrize("text_encoder_steps", [1, 2])
def test_gradients_go_when_training_pauses(tiny_sd: Path, text_encoder_steps: int):
    """Those of a text encoder that froze on the way too."""
    models = fresh_models(tiny_sd)
    make_trainer(models, settings(), text_encoder_steps).train_until(2)
    assert all(p.grad is None for network in models.networks.values() for p in network.parameters())
