"""Two concepts in one training: each with its token, class, class images, repeats and sizes, as the plan counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from dbsweep.config.schema import Experiment
from dbsweep.execution import loaded
from dbsweep.execution.branch import trainer as branch_trainer
from dbsweep.execution.branch.trainer import make_trainer
from dbsweep.execution.drawing.class_images import draw_class_images
from dbsweep.execution.jobs import BranchJob, branch_jobs, sweep_job
from dbsweep.plan.plan import make_plan
from dbsweep.training.data import ConceptData
from dbsweep.training.trainer import Trainer
from tests.execution.sweeps import make_experiment
from tests.training.dreambooth import differing


def write_noise(folder: Path, *sizes: tuple[int, int], sigma: int = 60) -> Path:
    folder.mkdir()
    for index, size in enumerate(sizes):
        Image.effect_noise(size, sigma + index).convert("RGB").save(folder / f"{index}.png")
    return folder


def two_concepts(root: Path, **train: object) -> Experiment:
    """A man on three photos, each twice an epoch; a dog on two, with captions and one class image of its own."""
    dogs = write_noise(root / "dogs", (64, 64), (64, 96), sigma=40)
    for index, words in enumerate(("a dog, grass", "a dog at sea")):
        (dogs / f"{index}.txt").write_text(words)
    man = {
        **make_experiment().concepts[0].model_dump(),
        "instance_images": write_noise(root / "men", (64, 64), (96, 64), (97, 64)),
        "class_images": {"num_inference_steps": 2},
        "repeats": 2,
    }
    dog = {
        "instance_images": dogs,
        "instance_token": "zwx",
        "class_token": "dog",
        "instance_prompt": "[filewords]",
        "class_prompt": "photo of dog",
        "sanity_prompts": ["photo of zwx dog, neon style"],
        "class_images": {"num_inference_steps": 2, "folder": write_noise(root / "own", (64, 64), sigma=20)},
    }
    settings = {"resolution": 64, "epochs": 1, "class_images_per_instance": 2, "learning_rate": 1e-3, "batch_size": 2}
    return make_experiment(concepts=[man, dog], train={**settings, **train})


def prepared(root: Path, base: Path, experiment: Experiment) -> BranchJob:
    """The only branch of the experiment, its class images drawn."""
    sizes = [[(64, 64), (96, 64), (97, 64)], [(64, 64), (64, 96)]]
    plan = make_plan(experiment, [3, 2], photo_sizes=sizes)
    (root / "run").mkdir()
    counts, given = [3, 2], {"base": str(base), "encoder": "none", "photo_sizes": sizes}
    job = sweep_job(root / "run", root / "cache", experiment, plan, counts, **given)  # type: ignore[arg-type]
    draw_class_images(job)
    loaded.encode_photos(job)
    return branch_jobs(job, plan)[0]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[ConceptData]:
    """What trainers are given."""
    found: list[ConceptData] = []

    def spy(models: object, concepts: Sequence[ConceptData], *args: Any, **settings: Any) -> Trainer:
        found.extend(concepts)
        return Trainer(models, concepts, *args, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(branch_trainer, "Trainer", spy)
    return found


def class_images(job: BranchJob) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(job.sweep.cache_folder.glob("class_images/*/*.*"))}


def trained(job: BranchJob) -> Trainer:
    loaded.untrained_models(job.sweep.base)
    trainer = make_trainer(job, loaded.models_to_change(job.sweep.base))
    trainer.train_until(job.branch.end_step)
    return trainer


def test_each_concept_has_its_own(tmp_path: Path, tiny_sd: Path, seen: list[ConceptData]) -> None:
    job = prepared(tmp_path, tiny_sd, two_concepts(tmp_path))
    assert job.branch.end_step == 4  # (2 * 3 + 2) / 2
    trained(job)
    man, dog = seen
    assert [(len(part.instance), part.repeats) for part in seen] == [(3, 2), (2, 1)]
    assert [caption.text() for caption in man.instance_captions] == ["photo of ohwx man"] * 3
    assert [caption.text() for caption in dog.instance_captions] == ["zwx dog, grass", "zwx dog at sea"]
    assert [caption.text() for caption in man.class_captions] == ["photo of man"] * 6
    assert [caption.text() for caption in dog.class_captions] == ["photo of dog"] * 4
    own = loaded._latents(job.sweep.base, job.sweep.cache_folder, (tmp_path / "own" / "0.png",), (64, 64))
    assert dog.class_images is not None
    assert torch.equal(dog.class_images.mean[0], own.mean[0])
    pools = sorted(path.name.rpartition("-")[0] for path in (tmp_path / "cache" / "class_images").iterdir())
    assert pools == ["photo-of-dog", "photo-of-man"]
    drawn = {path.name: len(list(path.glob("*.png"))) for path in (tmp_path / "cache" / "class_images").iterdir()}
    assert sorted(drawn.values()) == [3, 6]  # one of the dog's four is there
    for picture in (tmp_path / "cache" / "class_images").glob("*/*.png"):
        assert picture.with_suffix(".txt").read_text().strip().replace(" ", "-") in picture.parent.name
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["0.png"]  # nothing is put into the user's folder


def test_a_concept_goes_without_class_images_beside_another(
    tmp_path: Path, tiny_sd: Path, seen: list[ConceptData]
) -> None:
    experiment = two_concepts(tmp_path)
    man, dog = experiment.concepts
    dog = dog.model_copy(update={"class_images": dog.class_images.model_copy(update={"enabled": False})})
    trainer = trained(prepared(tmp_path, tiny_sd, experiment.model_copy(update={"concepts": (man, dog)})))
    assert [part.class_images is not None for part in seen] == [True, False]
    assert [path.name.rpartition("-")[0] for path in (tmp_path / "cache" / "class_images").iterdir()] == [
        "photo-of-man"
    ]
    assert trainer.step == 4


def test_class_images_that_do_not_count_are_not_trained(tmp_path: Path, tiny_sd: Path, seen: list[ConceptData]) -> None:
    trainer = trained(prepared(tmp_path, tiny_sd, two_concepts(tmp_path, prior_loss_weight=0.0)))
    assert [part.class_images for part in seen] == [None, None]
    assert trainer.step == 4


def test_a_schedule_falls_to_the_branch_s_end_wherever_it_forks(tmp_path: Path, tiny_sd: Path) -> None:
    job = prepared(tmp_path, tiny_sd, two_concepts(tmp_path, lr_scheduler="linear"))
    job = job.model_copy(update={"branch": job.branch.model_copy(update={"fork_step": 2})})
    loaded.untrained_models(job.sweep.base)
    log = make_trainer(job, loaded.models_to_change(job.sweep.base)).train_until(4)
    assert log.series is not None
    assert log.series.learning_rate == pytest.approx((1e-3, 0.75e-3, 0.5e-3, 0.25e-3))


def test_the_skipped_layer_of_text_is_skipped_in_training(tmp_path: Path, tiny_sd: Path) -> None:
    """Without class images, which are drawn through that layer too."""
    job = prepared(tmp_path, tiny_sd, two_concepts(tmp_path, prior_loss_weight=0.0))
    losses = []
    for clip_skip in (1, 1, 2):
        experiment = job.sweep.experiment.model_copy(update={"clip_skip": clip_skip})
        sweep = job.sweep.model_copy(update={"experiment": experiment})
        loaded.untrained_models(sweep.base)
        trainer = make_trainer(job.model_copy(update={"sweep": sweep}), loaded.models_to_change(sweep.base))
        losses.append(trainer.train_until(1).loss)
    assert losses[0] == losses[1] != losses[2]


def test_photos_keep_their_shape_and_meet_class_images_of_it(
    tmp_path: Path, tiny_sd: Path, seen: list[ConceptData]
) -> None:
    changes = {"aspect_ratio_buckets": True, "random_crops": 2, "random_flip": True, "gradient_accumulation": 2}
    job = prepared(tmp_path, tiny_sd, two_concepts(tmp_path, **changes))
    # An epoch: 2 + 1 squares, 4 wide, 1 tall: 2 + 2 + 1 batches.
    assert job.branch.end_step == 3
    trainer = trained(job)
    shapes = [tuple(part.instance.mean.shape[-2:]) for part in seen]
    assert shapes == [(8, 8), (6, 10), (10, 6), (8, 8)]
    for part, shape in zip(seen, shapes, strict=True):
        assert part.class_images is not None
        assert tuple(part.class_images.mean.shape[-2:]) == shape
        assert len(part.class_images) == 2 * len(part.instance) == len(part.class_captions)
        assert (len(part.crops), len(part.mirrored)) == (1, 2)
    assert trainer.step == 3
    assert differing(trainer.state(), trained(job).state()) == []


def test_each_view_of_a_photo_has_its_mask(tmp_path: Path, tiny_sd: Path, seen: list[ConceptData]) -> None:
    """One of the men is masked, to the left; the dogs are not and count everywhere."""
    changes = {"aspect_ratio_buckets": True, "random_crops": 2, "random_flip": True, "background_weight": 0.25}
    experiment = two_concepts(tmp_path, **changes)
    mask = Image.new("L", (96, 64), 0)
    mask.paste(255, (0, 0, 48, 64))
    mask.save(tmp_path / "men" / "1-masklabel.png")
    job = prepared(tmp_path, tiny_sd, experiment)
    whole = trained(job).state()
    man, wide, *dogs = seen
    assert [len(part.masks) for part in seen] == [4] * 4
    assert all(mask.shape == part.instance.mean[:, 0].shape for part in seen for mask in part.masks)
    assert all((mask == 1).all() for part in (man, *dogs) for mask in part.masks)
    left, mirror = wide.masks[0], wide.masks[2]
    assert left[0, :, :4].eq(1).all()
    assert left[0, :, 6:].eq(0).all()
    assert 0 < left[0, :, 4:6].mean() < 1  # it ends within these
    assert left[1].eq(1).all()
    assert torch.equal(mirror, left.flip(-1))
    loaded.untrained_models(job.sweep.base)
    first = make_trainer(job, loaded.models_to_change(job.sweep.base))
    first.train_until(2)
    second = make_trainer(job, loaded.models_to_change(job.sweep.base))
    second.load_state(first.state())
    second.train_until(job.branch.end_step)
    assert differing(whole, second.state()) == []


def test_masks_are_not_opened_where_the_background_counts_in_full(
    tmp_path: Path, tiny_sd: Path, seen: list[ConceptData]
) -> None:
    job = prepared(tmp_path, tiny_sd, two_concepts(tmp_path, epochs=1, batch_size=3))
    (tmp_path / "men" / "1-masklabel.png").write_text("no picture")
    trained(job)
    assert [part.masks for part in seen] == [(), ()]


def test_a_bucketed_training_goes_on_from_any_step(tmp_path: Path, tiny_sd: Path) -> None:
    job = prepared(tmp_path, tiny_sd, two_concepts(tmp_path, aspect_ratio_buckets=True, random_crops=3, epochs=2))
    whole = trained(job).state()
    loaded.untrained_models(job.sweep.base)
    first = make_trainer(job, loaded.models_to_change(job.sweep.base))
    first.train_until(3)
    state = first.state()
    loaded.untrained_models(job.sweep.base)
    second = make_trainer(job, loaded.models_to_change(job.sweep.base))
    second.load_state(state)
    second.train_until(job.branch.end_step)
    assert differing(whole, second.state()) == []


def test_class_images_that_are_damaged_meanwhile_are_drawn_again_from_the_base_model(
    tmp_path: Path, tiny_sd: Path
) -> None:
    """They were whole when the sweep began; the weights that draw now are not those of the branch before."""
    job = prepared(tmp_path, tiny_sd, two_concepts(tmp_path))
    undisturbed, drawn = trained(job).state(), class_images(job)
    damaged, lost = [path for path in drawn if path.suffix == ".png"][:2]
    damaged.write_bytes(drawn[damaged][:100])
    lost.unlink()
    loaded._latents.cache_clear()  # another worker
    trainer = make_trainer(job, loaded.models_to_change(job.sweep.base))
    assert class_images(job) == drawn
    trainer.train_until(job.branch.end_step)  # from the base's weights, which have drawn
    assert differing(undisturbed, trainer.state()) == []
    base = loaded.untrained_models(job.sweep.base)  # which the next branch does not mistake for trained ones
    assert not torch.equal(base.unet.conv_in.weight, undisturbed["unet.conv_in.weight"])
