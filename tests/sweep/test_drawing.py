"""`dbsweep draw`: a person's own prompts, by what was trained; what is wrong is told before a model is loaded."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dbsweep.config.loading import load_experiment
from dbsweep.execution.drawing import picture_folder
from dbsweep.execution.drawing.evaluation import draw_evaluation
from dbsweep.execution.folder import RunFolder
from dbsweep.sampling.denoising import Work
from dbsweep.sampling.infotext import ImageInfo, read, read_text, write_png
from dbsweep.sampling.request import Hires, ImageRequest
from dbsweep.sampling.sampler import draw
from dbsweep.sweep.answers import read_run
from tests.sweep.trained import trained_models, trained_run


@pytest.fixture(scope="module")
def run(tiny_sd: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return trained_run(tmp_path_factory.mktemp("drawing"), tiny_sd, "clip_skip=2", "evaluate.negative_prompt=blurry")


@pytest.fixture
def draws(dbsweep, run: RunFolder, tmp_path: Path) -> Callable[..., list[ImageInfo]]:
    """What the pictures tell, in order of their names, after `dbsweep draw RUN WORDS --out pics`."""

    def call(*words: str | Path, model: str | Path = run.path) -> list[ImageInfo]:
        code, out, err = dbsweep("draw", model, "--out", tmp_path / "pics", *words)
        assert (code, out) == (0, f"{tmp_path / 'pics'}\n"), err
        return [read(path) for path in sorted((tmp_path / "pics").iterdir())]

    return call


@pytest.fixture
def refused(dbsweep, run: RunFolder, tmp_path: Path, monkeypatch) -> Callable[..., str]:
    """The message that refuses `dbsweep draw RUN WORDS`; no model is loaded and nothing written."""

    def call(*words: str | Path) -> str:
        monkeypatch.setattr("dbsweep.sweep.drawing_models.DrawingModel.load", lambda _: pytest.fail("loaded"))
        code, out, err = dbsweep("draw", run.path, "--out", tmp_path / "pics", *words)
        assert (code, out) == (2, "")
        assert not (tmp_path / "pics").exists()
        return " ".join(err.split())

    return call


def model_hash(run: RunFolder) -> str:
    record = read_run(run)
    assert record.choice is not None
    return record.checkpoints[record.choice.best.checkpoint].sha256[:10]


def test_prompts_are_drawn_by_the_runs_own_settings(draws, run) -> None:
    infos = draws("--prompt", "photo of ohwx man", "--prompt", "a dog")
    assert [(info.request.prompt, info.request.seed) for info in infos] == [
        ("photo of ohwx man", 420420), ("photo of ohwx man", 420421), ("a dog", 420420), ("a dog", 420421),
    ]  # fmt: skip
    request = ImageRequest("a dog", "blurry", 420421, 7.5, 2, "DPM++ 2M Karras", 64, 64)
    assert infos[-1] == ImageInfo(request, model_hash(run), clip_skip=2)


def test_what_is_said_on_the_command_line_counts_before_the_run_and_a_line_before_it(draws, tmp_path) -> None:
    (tmp_path / "night.txt").write_text("a dog\n\n--prompt a cat --steps 1 --seed 3 --n_iter 1 --sampler_name DDIM\n")
    settings = ("--steps", 3, "--cfg-scale", 1.5, "--sampler", "Euler a", "--width", 72, "--height", 80, "--seed", 9)
    infos = draws(
        "--prompts", tmp_path / "night.txt", *settings, "--negative-prompt", "", "--clip-skip", 1,
        "--images-per-prompt", 2,
    )  # fmt: skip
    dogs = [ImageRequest("a dog", "", seed, 1.5, 3, "Euler a", 72, 80) for seed in (9, 10)]
    assert [info.request for info in infos] == [*dogs, ImageRequest("a cat", "", 3, 1.5, 1, "DDIM", 72, 80)]
    assert {info.clip_skip for info in infos} == {1}


def test_a_matrix_is_drawn_from_the_same_seeds(draws) -> None:
    infos = draws("--prompt", "photo of ohwx man|ink|red hair", "--matrix", "--images-per-prompt", 1)
    assert [(info.request.prompt, info.request.seed) for info in infos] == [
        ("photo of ohwx man", 420420),
        ("photo of ohwx man, ink", 420420),
        ("photo of ohwx man, red hair", 420420),
        ("photo of ohwx man, ink, red hair", 420420),
    ]


def test_without_it_the_character_is_text(draws) -> None:
    assert [info.request.prompt for info in draws("--prompt", "a|b", "--images-per-prompt", 1)] == ["a|b"]


def test_seeds_go_on_from_prompt_to_prompt_but_for_a_line_that_says_its_own(draws, tmp_path) -> None:
    (tmp_path / "night.txt").write_text("a\n--prompt b --seed 3\na\n")
    infos = draws("--prompts", tmp_path / "night.txt", "--iterate-seed", "--seed", 20)
    assert [(i.request.prompt, i.request.seed) for i in infos] == [
        ("a", 20), ("a", 21), ("b", 3), ("b", 4), ("a", 24), ("a", 25),
    ]  # fmt: skip


def test_a_prompt_that_is_there_twice_is_drawn_once_and_told(dbsweep, run, tmp_path) -> None:
    words = ("--prompt", "a", "--prompt", "a", "--out", tmp_path / "pics")
    code, _, err = dbsweep("draw", run.path, *words)
    assert (code, len(list((tmp_path / "pics").iterdir()))) == (0, 2)
    assert "2 pictures asked for again will be drawn once; --iterate-seed gives each prompt seeds" in err
    assert "2 pictures drawn\n" in err
    assert "0 pictures drawn, 2 there already\n" in dbsweep("draw", run.path, *words)[2]


def test_a_lora_by_its_name_is_told_to_be_text(dbsweep, run, tmp_path) -> None:
    code, _, err = dbsweep("draw", run.path, "--prompt", "man <lora:ohwx:0.8>", "--out", tmp_path / "pics")
    assert (code, err.count("<lora:ohwx:0.8> in a prompt is text here: no LoRA is loaded by its name")) == (0, 1)


def test_many_prompts_share_the_passes_of_the_unet(draws, monkeypatch) -> None:
    work = Work()
    monkeypatch.setattr(picture_folder, "draw", lambda *args, **options: draw(*args, **options, work=work))
    prompts = [word for i in range(6) for word in ("--prompt", f"photo {i}")]
    assert len(draws(*prompts, "--images-per-prompt", 2)) == 12
    assert work.unet_calls == 2 * 2  # 8 and 4 pictures, two steps each


def pixels(path: Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image)


def test_pictures_are_bit_for_bit_those_that_the_run_itself_drew(draws, run, tiny_sd, tmp_path) -> None:
    """With weights kept in fp32, as many at once, and as many threads; else the last digits differ."""
    experiment = load_experiment(run.experiment)
    its_own = RunFolder(tmp_path / "its own")
    drawn = draw_evaluation(
        trained_models(tiny_sd), experiment, its_own, its_own.path / "images", model_hash=model_hash(run)
    )
    prompts = dict.fromkeys(sample.prompt for sample in drawn.samples)
    draws(*[word for prompt in prompts for word in ("--prompt", prompt)], "--batch-size", 16)
    mine = {read_text(path): pixels(path) for path in (tmp_path / "pics").iterdir()}
    theirs = {read_text(path): pixels(path) for path in (its_own.path / "images").iterdir()}
    assert mine.keys() == theirs.keys()
    assert [np.array_equal(mine[text], theirs[text]) for text in mine] == [True] * len(mine)


def test_a_picture_is_drawn_again_from_its_png_info(draws, dbsweep, tmp_path) -> None:
    given = ("--prompt", "a|b", "--steps", 3, "--sampler", "Euler", "--seed", 5, "--clip-skip", 1, "--width", 72)
    draws(*given, "--images-per-prompt", 1)
    (first,) = (tmp_path / "pics").iterdir()
    kept = first.rename(tmp_path / "kept.png")
    assert draws("--from", kept) == [read(kept)]
    assert np.array_equal(pixels(first), pixels(kept))


def test_what_is_said_beside_a_png_counts_before_what_it_tells(draws, tmp_path) -> None:
    draws("--prompt", "a", "--images-per-prompt", 1)
    (kept,) = [path.rename(tmp_path / "kept.png") for path in (tmp_path / "pics").iterdir()]
    before = read(kept).request
    infos = draws("--from", kept, "--cfg-scale", 3, "--images-per-prompt", 2)
    assert [(i.request.guidance_scale, i.request.seed) for i in infos] == [(3, before.seed), (3, before.seed + 1)]


def test_a_tiled_picture_of_a_second_pass_is_drawn_and_drawn_again(draws, tmp_path) -> None:
    hires = ("--hires-scale", 1.5, "--hires-steps", 1, "--denoising", 0.5, "--hires-upscaler", "latent-nearest")
    (info,) = draws("--prompt", "a", "--images-per-prompt", 1, "--tiling", *hires)
    assert (info.request.tiling, info.request.hires) == (True, Hires(1.5, 1, 0.5, "Latent (nearest)"))
    (first,) = (tmp_path / "pics").iterdir()
    kept = first.rename(tmp_path / "kept.png")
    assert pixels(kept).shape == (96, 96, 3)
    assert draws("--from", kept) == [info]
    assert np.array_equal(pixels(first), pixels(kept))
    first.unlink()
    (other,) = draws("--from", kept, "--no-tiling", "--denoising", 0.9)
    assert (other.request.tiling, other.request.hires) == (False, Hires(1.5, 1, 0.9, "Latent (nearest)"))


def test_a_picture_of_another_model_or_program_is_told_of(dbsweep, run, tmp_path) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    request = ImageRequest("a", num_inference_steps=1, width=64, height=64)
    for name, hash_, extras in (
        ("other", "0123456789", {}),
        ("faces", "", {"Face restoration": "GFPGAN", "Version": "1.9"}),
    ):
        write_png(tmp_path / f"{name}.png", image, request, hash_, extras=extras)
    pngs = ("--from", tmp_path / "other.png", "--from", tmp_path / "faces.png")
    code, _, err = dbsweep("draw", run.path, *pngs, "--out", tmp_path / "pics")
    assert code == 0
    assert "other.png: was drawn by a model of hash 0123456789, and demo@" in err
    assert f" has {model_hash(run)}\n" in err
    assert "faces.png: tells of what is not done here: Face restoration\n" in err
    assert "faces.png: was" not in err
    assert "other.png: tells" not in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "there is nothing to draw: give --prompt, --prompts or --from"),
        (("--prompt", " "), "--prompt: is empty"),
        (("--prompt", "a", "--seed", "-1"), "--prompt: seed -1, A1111's random one, cannot be drawn again"),
        (("--prompt", "a", "--seed", "-2"), "--prompt: seed must be between 0 and 2^63 - 1, got -2"),
        (("--prompt", "a", "--steps", "0"), "--prompt: num_inference_steps must be between 1 and 1000, got 0"),
        (("--prompt", "a", "--cfg-scale", "nan"), "--prompt: guidance_scale must be at least 1, got nan"),
        (("--prompt", "a", "--width", "100"), "width must be a multiple of 8 pixels from 8 to 16,384, got 100"),
        (("--prompt", "a", "--sampler", "Eular"), "--prompt: unknown sampler 'Eular'; did you mean 'Euler'?"),
        (
            ("--prompt", "a", "--denoising", "0.5"),
            "--prompt: hires steps, denoising and upscaler are those of a second",
        ),
        (("--prompt", "a", "--hires-scale", "0.5"), "--prompt: hires scale must be at least 1, got 0.5"),
        (
            ("--prompt", "a", "--hires-scale", "2", "--hires-upscaler", "latent-nearst"),
            "--prompt: unknown hires upscaler 'latent-nearst'; did you mean 'Latent (nearest)'? (known: Latent, ",
        ),
        (("--prompt", "a", "--images-per-prompt", "0"), "--images-per-prompt"),
        (("--prompt", "a", "--images-per-prompt", "1000001"), "--prompt: more than 1,000,000 pictures"),
        (("--prompt", "a" + "|b" * 20, "--matrix"), "--prompt: a matrix of 21 parts"),
        (("--prompt", "a\udcff"), "is not UTF-8"),
        (("--prompts", "none.txt"), "none.txt: cannot be read"),
        (("--from", "none.png"), "none.png: no such file; check the path"),
    ],
)
def test_what_cannot_be_drawn_is_told_before_a_model_is_loaded(refused, words, message) -> None:
    assert message in refused(*words)


def test_a_line_of_a_file_is_named(refused, tmp_path) -> None:
    (tmp_path / "night.txt").write_text("a\n--prompt b --width 100\n")
    assert "night.txt line 2: width must be" in refused("--prompts", tmp_path / "night.txt")
    (tmp_path / "night.txt").write_text("a\n--prompt b --sampler_name Eular\n")
    assert "night.txt line 2: unknown sampler" in refused("--prompts", tmp_path / "night.txt")


def test_a_png_without_info_or_of_what_is_not_known_here_is_named(refused, tmp_path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    assert "plain.png: holds no generation settings" in refused("--from", tmp_path / "plain.png")
    write_png(tmp_path / "skips.png", np.zeros((64, 64, 3), np.uint8), ImageRequest("a"), extras={"Clip skip": "-1"})
    assert "skips.png: clip_skip must be at least 1, got -1" in refused("--from", tmp_path / "skips.png")
    request = ImageRequest("a", sampler="Restart", width=64, height=64)
    write_png(tmp_path / "restart.png", np.zeros((64, 64, 3), np.uint8), request)
    assert "restart.png: unknown sampler 'Restart'" in refused("--from", tmp_path / "restart.png")


def test_a_file_in_place_of_the_folder_is_told(dbsweep, run, tmp_path) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "pics"):
        code, _, err = dbsweep("draw", run.path, "--prompt", "a", "--out", out)
        assert code == 2
        assert f"{out} cannot be a folder, for {tmp_path / 'file'} is a file: give another" in " ".join(err.split())


def test_a_folder_that_cannot_be_made_is_told_before_a_model_is_loaded(refused) -> None:
    message = "/proc/x cannot be written (No such file or directory): give another folder"
    assert refused("--prompt", "a", "--out", "/proc/x") == f"dbsweep: {message}"


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EACCES, ".png cannot be written (Permission denied): give another path"),
        (errno.ENOSPC, ".png; free some and try again"),
    ],
)
def test_a_disk_that_takes_no_pictures_is_one_message(dbsweep, run, tmp_path, monkeypatch, number, message) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))  # of an open file: without its name

    monkeypatch.setattr("PIL.Image.Image.save", refuse)
    code, out, err = dbsweep("draw", run.path, "--prompt", "a", "--out", tmp_path / "pics")
    assert (code, out) == (2, "")
    assert message in " ".join(err.split())
    assert list((tmp_path / "pics").iterdir()) == []


def test_an_interruption_is_told_with_how_to_go_on(dbsweep, run, tmp_path, monkeypatch) -> None:
    words = ("draw", run.path, "--prompt", "a", "--prompt", "b", "--batch-size", 2, "--out", tmp_path / "pics")

    def interrupted(*args: Any, **options: Any) -> Any:
        if any((tmp_path / "pics").iterdir()):
            raise KeyboardInterrupt
        return draw(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(picture_folder, "draw", interrupted)
        code, out, err = dbsweep(*words)
    assert (code, out) == (130, "")
    assert f"Stopped: all pictures in {tmp_path / 'pics'} are whole, and the same command draws the rest." in err
    assert len(list((tmp_path / "pics").iterdir())) == 2
    assert "2 pictures drawn, 2 there already" in dbsweep(*words)[2]


def test_any_model_draws(draws, tiny_sd) -> None:
    infos = draws("--prompt", "a", "--steps", 1, model=tiny_sd)
    assert [info.request.seed for info in infos] == [420420, 420421, 420422, 420423]
    assert {(info.request.width, info.clip_skip) for info in infos} == {(64, 1)}
