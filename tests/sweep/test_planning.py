"""Tests of what planning finds out about this machine and the inputs."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from dbsweep.concepts.preparation import Preparation
from dbsweep.config.loading import load_experiment
from dbsweep.errors import InputError, ModelError
from dbsweep.plan.rates import rates_for
from dbsweep.sweep import planning
from dbsweep.sweep.planning import local_rates, make_plan
from dbsweep.sweep.preparing import prepare_photos
from tests.sweep.files import write_experiment

SD1 = "base_model=stable-diffusion-v1-5/stable-diffusion-v1-5"


@pytest.mark.parametrize(
    ("cpus", "gpus", "cpus_per_trial", "gpus_per_trial", "workers"),
    [
        (8, 0, 2, 0, 4),
        (8, 0, 3, 0, 2),
        (None, 0, 1, 0, 1),
        (2, 0, 4, 0, 1),  # a trial asks for more than there is: still one at a time
        (16, 4, 1, 1, 4),
        (16, 4, 1, 0.5, 8),
        (4, 4, 1, 0.5, 4),  # eight would fit the GPUs, the processors have room for four
        (16, 3, 1, 2, 1),
        (16, 4, 2, 0, 8),  # GPUs that no trial asks for do not count
    ],
)
def test_as_many_train_at_once_as_the_machine_has_room_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cpus: int | None,
    gpus: int,
    cpus_per_trial: int,
    gpus_per_trial: float,
    workers: int,
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cpus)
    monkeypatch.setattr(planning, "ask_driver", lambda what: ("NVIDIA A100-SXM4-80GB",) * gpus)
    sets = [f"resources.cpus_per_trial={cpus_per_trial}", f"resources.gpus_per_trial={gpus_per_trial}"]
    assert local_rates(load_experiment(write_experiment(tmp_path), sets)).workers == workers


def test_the_gpu_of_this_machine_decides_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = load_experiment(write_experiment(tmp_path), [SD1, "resources.gpus_per_trial=1"])
    monkeypatch.setattr(planning, "ask_driver", lambda what: ("NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-80GB"))
    assert local_rates(experiment).seconds_per_step == rates_for(experiment, gpu="H100").seconds_per_step
    monkeypatch.setattr(planning, "ask_driver", lambda what: ())
    assert local_rates(experiment).seconds_per_step is None


def test_sdxl_is_told_and_not_planned_as_if_it_were_sd_1(tmp_path: Path) -> None:
    file, named = write_experiment(tmp_path), "stabilityai/stable-diffusion-xl-base-1.0"
    _, plan = planning.planned(load_experiment(file, [f"base_model={named}"]))
    assert plan.notes[0].startswith(f"base_model {named} is by its name an SDXL model, which is not supported yet")
    (tmp_path / "xl" / "text_encoder_2").mkdir(parents=True)
    with pytest.raises(ModelError, match=r"xl: this is an SDXL model; only Stable Diffusion 1\.x and 2\.x"):
        planning.planned(load_experiment(file, [f"base_model={tmp_path / 'xl'}"]))


def test_models_that_are_not_where_the_file_says_are_noted(tmp_path: Path) -> None:
    file = write_experiment(tmp_path)
    there = tmp_path / "there.safetensors"
    there.write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    grid = "grids=[{prompt: photo of ohwx man, x: {axis: merge_ratio, into: other.ckpt, values: [0.5]}}]"
    sets = [f"base_model={tmp_path / 'sd15.safetensors'}", f"vae={there}", grid]
    _, plan = planning.planned(load_experiment(file, sets))
    absent = [note for note in plan.notes if "no such folder or file here; check the path" in note]
    assert [note.split(":")[0] for note in absent] == [f"base_model {tmp_path / 'sd15.safetensors'}", "grids"]
    assert "for one of Stable Diffusion 1's size" in absent[0]
    _, plan = planning.planned(load_experiment(file, [SD1]))  # a hub id is not looked for
    assert not [note for note in plan.notes if "check the path" in note]


def test_a_gpu_that_stays_idle_is_the_first_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbsweep.sweep.device.ask_driver", lambda what: ("NVIDIA RTX 4090",))
    _, plan = planning.planned(load_experiment(write_experiment(tmp_path), [SD1]))
    assert "set resources.gpus_per_trial: 1" in plan.notes[0]


def test_captions_and_held_out_photos_are_noted_first(tmp_path: Path) -> None:
    file = write_experiment(tmp_path, photos=4)
    for photo in (tmp_path / "photos").glob("*.png"):
        photo.with_suffix(".txt").write_text("smiling", encoding="utf-8")
    sets = ["concepts.0.validation_photos=1", "concepts.0.instance_prompt='[filewords]'"]
    experiment = load_experiment(file, sets)
    captions, held_out, *_ = make_plan(experiment).notes
    assert captions.startswith("4 captions (0.txt, ")
    assert held_out.startswith("ohwx: 3 photos train, 1 is held out")
    other = experiment.concepts[0].model_copy(update={"instance_token": "zwx"})
    several = make_plan(experiment.model_copy(update={"concepts": (*experiment.concepts, other)})).notes
    assert [note[:7] for note in several if "without the class word" in note] == ["ohwx: 4", "zwx: 4 "]


def test_masks_are_counted_where_a_trial_reads_them_and_missed_where_there_are_none(tmp_path: Path) -> None:
    file, asked = write_experiment(tmp_path), "search.background_weight=[1,0]"
    with pytest.raises(InputError, match=r"^search\.background_weight \[1, 0\] needs masks, and of 3 photos none has"):
        make_plan(load_experiment(file, [asked]))
    Image.new("L", (64, 64), 51).save(tmp_path / "photos" / "0-masklabel.png")
    counted = "ohwx: 1 of 3 photos has a mask, by which 20% of the picture is the subject; 2 (1.png, 2.png) without"
    plan = make_plan(load_experiment(file, [asked]))
    assert any(note.startswith(counted) for note in plan.notes)
    unread = "ohwx: 1 mask (0-masklabel.png) is not read: set train.background_weight below 1 if it should be"
    plain = make_plan(load_experiment(file))
    assert unread in plain.notes
    assert plan.cost.steps_shared == 2 * plain.cost.steps_shared


def test_tags_that_are_left_out_with_the_token_are_noted_where_a_trial_leaves_tags_out(tmp_path: Path) -> None:
    file = write_experiment(tmp_path, photos=1)
    (tmp_path / "photos" / "0.txt").write_text("ohwx, smiling", encoding="utf-8")
    captions = ["concepts.0.captions=fine_tuning", "concepts.0.instance_prompt='[filewords]'"]

    def noted(*sets: str) -> bool:
        notes = make_plan(load_experiment(file, [*captions, *sets])).notes
        return any(note.startswith("train.tag_dropout may leave the token 'ohwx' out of 1 caption") for note in notes)

    assert not noted()
    assert noted("search.tag_dropout=[0,0.1]")
    assert not noted("search.tag_dropout=[0,0.1]", "train.keep_tags=1")


def test_photos_that_are_too_small_are_noted_before_a_run(tmp_path: Path) -> None:
    small = "ohwx: 3 of 3 photos are too small and enlarged to train, up to 2.0 times (0.png from 64×64 to 128×128"

    def noted(*sets: str) -> bool:
        return any(note.startswith(small) for note in make_plan(load_experiment(file, sets)).notes)

    file = write_experiment(tmp_path)
    assert not noted()
    assert noted("train.resolution=128")
    assert noted("search.resolution=[64,128]")


def test_pieces_of_one_photo_that_are_held_out_and_trained_are_noted(tmp_path: Path) -> None:
    experiment = load_experiment(write_experiment(tmp_path))
    concept, out = experiment.concepts[0], tmp_path / "out"
    prepare_photos(concept.instance_images, out, Preparation(size=(64, 64), flip=True), lambda done, total: None)
    changed = concept.model_copy(update={"instance_images": out, "validation_photos": 1})
    notes = make_plan(experiment.model_copy(update={"concepts": (changed,)})).notes
    assert any("made by `dbsweep photos` of the same photo as one that trains" in note for note in notes)


def test_concepts_that_share_their_photos_are_noted_before_a_run(tmp_path: Path) -> None:
    other = load_experiment(write_experiment(tmp_path)).concepts[0].model_copy(update={"instance_token": "zwx"})
    experiment = load_experiment(tmp_path / "demo.yaml")
    held_out = experiment.concepts[0].model_copy(update={"validation_photos": 1})
    notes = make_plan(experiment.model_copy(update={"concepts": (held_out, other)})).notes
    assert any(note.startswith("zwx and ohwx have the same photos, in ") for note in notes)
    assert any(note.startswith("1 photo that ohwx holds out is trained as zwx") for note in notes)


def test_prompts_that_teach_something_else_are_noted(tmp_path: Path) -> None:
    experiment = load_experiment(write_experiment(tmp_path), ["concepts.0.class_prompt=photo of person"])
    prompts = {"instance_token": "zwx", "instance_prompt": "zwx man and ohwx man"}
    other = experiment.concepts[0].model_copy(update=prompts)
    experiment = experiment.model_copy(update={"concepts": (*experiment.concepts, other)})
    notes = make_plan(experiment).notes
    assert notes[0].startswith("ohwx: class_prompt 'photo of person' is without the class word 'man'")
    assert any(note.startswith("zwx: instance_prompt names ohwx too") for note in notes)


def test_photos_that_lose_much_to_the_crop_are_noted(tmp_path: Path) -> None:
    experiment = load_experiment(write_experiment(tmp_path))
    Image.effect_noise((500, 64), 50).save(tmp_path / "photos" / "wide.png")
    assert any(note.startswith("ohwx: 1 of 4 photos loses up to 87%") for note in make_plan(experiment).notes)


def test_repeats_in_the_name_of_a_folder_are_noted(tmp_path: Path) -> None:
    file = write_experiment(tmp_path)
    (tmp_path / "photos").rename(tmp_path / "20_ohwx man")
    experiment = load_experiment(file, ["concepts.0.instance_images=20_ohwx man"])
    assert any("set repeats: 20" in note for note in make_plan(experiment).notes)


def test_photos_in_folders_below_are_noted(tmp_path: Path) -> None:
    experiment = load_experiment(write_experiment(tmp_path))
    below = tmp_path / "photos" / "more"
    below.mkdir()
    (below / "a.png").touch()
    assert any(note.startswith("photos in the folders below ") for note in make_plan(experiment).notes)
