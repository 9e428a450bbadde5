"""The sweep of one subject as a person would write it, and its training piece by piece."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import cached_sweeps, selection_judge, selection_plan
from benchmarks.cached_sweeps import LEARNING_RATES
from benchmarks.selection_judge import ROUNDS, style_prompts
from benchmarks.selection_plan import EPOCHS, EVERY_EPOCHS, PHOTO_COUNTS, TOLD_IN, sanity_styles, wanted_styles
from benchmarks.selection_subjects import SubjectWork, open_subjects
from benchmarks.selection_training import LOSSES, FixedLoss
from dbsweep.concepts.latents import LatentMoments
from dbsweep.minisd.subject import draw_subject
from dbsweep.models.loading import load_base
from dbsweep.records.names import Metric


def test_a_long_sweep_goes_on_for_twice_the_epochs(tmp_path: Path) -> None:
    rates, long = SubjectWork(101, tmp_path), SubjectWork(101, tmp_path, "long")
    for branch, same in zip(long.plan.branches, rates.plan.branches, strict=True):
        assert [m.epoch for m in branch.milestones] == list(range(EVERY_EPOCHS, 2 * EPOCHS + 1, EVERY_EPOCHS))
        assert branch.settings["learning_rate"] == same.settings["learning_rate"]
    assert {long.folder, long.finished}.isdisjoint({rates.folder, rates.finished})


@pytest.mark.parametrize("seed", range(100, 100 + len(PHOTO_COUNTS)))
def test_all_subjects_are_taught_for_the_same_epochs(seed: int, tmp_path: Path) -> None:
    work = SubjectWork(seed, tmp_path)
    assert len(work.plan.branches) == len(LEARNING_RATES)
    for branch in work.plan.branches:
        assert [m.epoch for m in branch.milestones] == list(range(EVERY_EPOCHS, EPOCHS + 1, EVERY_EPOCHS))
        assert branch.milestones[-1].step == EPOCHS * work.shape.photos
        assert all(m.evaluate for m in branch.milestones)


def test_a_sweep_of_settings_has_a_trial_for_each_and_files_of_its_own(tmp_path: Path) -> None:
    rates, settings = SubjectWork(101, tmp_path), SubjectWork(101, tmp_path, "settings")
    swept = [
        (s["learning_rate"], s["class_images_per_instance"], s["text_encoder_ratio"])
        for s in (job.branch.settings for job in settings.jobs)
    ]
    assert swept == [(rate, count, ratio) for rate in LEARNING_RATES for count in (0, 2) for ratio in (0.0, 1.0)]
    assert all(job.branch.parent is None for job in settings.jobs)  # a step that is shared would be trained twice here
    assert {settings.folder, settings.finished}.isdisjoint({rates.folder, rates.finished})


def test_the_product_asks_for_the_wanted_styles_in_words_of_its_own(tmp_path: Path) -> None:
    assert len({sanity_styles(seed) for seed in range(100, 200)}) == 4 * 3
    for seed in range(100, 120):
        asked, wanted = sanity_styles(seed), wanted_styles(seed)
        assert sorted(asked) == sorted(wanted)
        prompts = SubjectWork(seed, tmp_path).experiment.concepts[0].sanity_prompts
        klass = draw_subject(seed).klass
        assert prompts == (f"photo of ohwx {klass}, {asked[0]} style", f"{asked[1]} portrait of ohwx {klass}")
        assert set(prompts).isdisjoint(style_prompts(klass, "ohwx", wanted))


def test_a_sweep_of_other_styles_asks_for_none_that_is_wanted(tmp_path: Path) -> None:
    for seed in range(100, 120):
        asked = sanity_styles(seed, "other_styles")
        assert sorted((*asked, *wanted_styles(seed))) == sorted(TOLD_IN)
        first, second = SubjectWork(seed, tmp_path, "other_styles").experiment.concepts[0].sanity_prompts
        assert asked[0] in first
        assert asked[1] in second


def test_the_fixed_loss_changes_with_the_weights_alone(tiny_sd: Path, tmp_path: Path) -> None:
    models = load_base(str(tiny_sd))
    shape = (3, *models.latent_shape(64))
    photos = LatentMoments(torch.zeros(shape), torch.full(shape, -30.0))
    loss = FixedLoss(models, SubjectWork(100, tmp_path).experiment, photos, uses=5)
    before = loss.measure()
    torch.manual_seed(3)
    assert loss.measure() == before > 0.0
    for parameter in models.unet.parameters():
        parameter.data.mul_(0.5)
    assert loss.measure() != before


IDENTITY, STYLE, CLASS = 4, 2, 4
"""Images of each of the oracle's prompts in a round, where a test draws them."""


@pytest.fixture
def few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two learning rates of 16 steps; fewer pictures, drawn in fewer steps."""
    monkeypatch.setattr(cached_sweeps, "LEARNING_RATES", (9e-5, 2.7e-4))
    monkeypatch.setattr(cached_sweeps, "CLASS_IMAGES", 8)
    monkeypatch.setattr(selection_plan, "EPOCHS", 4)
    monkeypatch.setattr(selection_plan, "EVALUATE", {"images_per_prompt": 4, "num_inference_steps": 4})
    for name, count in (("IDENTITY_SEEDS", IDENTITY), ("STYLE_SEEDS", STYLE), ("CLASS_SEEDS", CLASS)):
        monkeypatch.setattr(selection_judge, name, count)
    monkeypatch.setitem(selection_judge.SAMPLING, "num_inference_steps", 5)


@pytest.mark.slow
@pytest.mark.usefixtures("few_pictures")
def test_a_subject_is_trained_piece_by_piece(tmp_path: Path) -> None:
    """A piece for the base model, one for each learning rate, further pictures for the oracle, the race, and one that
    ends it."""
    said: list[str] = []
    assert open_subjects([100], tmp_path, 2, said.append) == []
    first = next((tmp_path / "subject-00100").glob("trial-*.json"))
    written = first.stat().st_mtime_ns
    (curves,) = open_subjects([100], tmp_path, None, said.append)
    assert len(said) == 6
    assert first.stat().st_mtime_ns == written  # gone on with, not done again
    assert curves.klass == draw_subject(100).klass
    assert [t.learning_rate for t in curves.trials] == [9e-5, 2.7e-4]
    # Four prompts, four seeds, four guided steps; a photo and a class image, forward and backward.
    assert (curves.card_evaluations, curves.step_evaluations) == (4 * 4 * 4 * 2, 2 * 3)
    assert curves.base_evaluations == 4 * 16 * 4 * 2
    assert not (tmp_path / "subject-00100" / "run" / "checkpoints").exists()
    (point,) = curves.trials[0].checkpoints
    assert all(len(card.samples[Metric.STYLE]) == 2 * level for level, card in point.closer.items())
    assert set(point.closer) <= {8, 16}
    assert len(point.card.samples[Metric.STYLE]) == 8
    points = [point for each in curves.trials for point in each.checkpoints]
    rounds = [len(each.oracle.identity) // (2 * IDENTITY) for each in points]
    assert set(rounds) == {1, ROUNDS} or rounds == [ROUNDS] * 2  # the best of the first round has them all
    assert [len(each.oracle.style) for each in points] == [4 * STYLE * count for count in rounds]
    assert [len(each.oracle.variety) for each in points] == [2 * CLASS * count for count in rounds]
    assert len(curves.base_oracle.identity) == 2 * IDENTITY * ROUNDS
    assert np.mean(point.oracle.identity) > np.mean(curves.base_oracle.identity)  # something is learnt
    assert len(curves.trials[0].training_loss) == LOSSES == 16 // curves.trials[0].loss_every
    assert curves.trials[0].training_loss[-1] < curves.trials[0].training_loss[0]
    assert open_subjects([100], tmp_path, 0, said.append) == [curves]
