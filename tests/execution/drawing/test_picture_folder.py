"""Pictures of a folder: each drawn once, whole or not at all, the same when one is drawn again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dbsweep.execution.drawing import picture_folder
from dbsweep.execution.drawing.picture_folder import draw_missing, find_missing
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.loading import load_base
from dbsweep.sampling.denoising import Work
from dbsweep.sampling.infotext import ImageInfo, format_info, read, read_text
from dbsweep.sampling.request import ImageRequest, Picture
from dbsweep.sampling.sampler import draw


@pytest.fixture(scope="module")
def models(tiny_sd: Path) -> StableDiffusion:
    return load_base(str(tiny_sd))


def pictures(count: int = 5, **changes: Any) -> list[Picture]:
    request = {"num_inference_steps": 2, "width": 64, "height": 64, **changes}
    return [Picture(ImageRequest("photo of ohwx man", seed=seed, **request)) for seed in range(count)]


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """What all drawing of a test costs."""
    total = Work()
    monkeypatch.setattr(picture_folder, "draw", lambda *args, **options: draw(*args, **options, work=total))
    return total


def fill(models: StableDiffusion, wanted: list[Picture], folder: Path, **options: Any) -> int:
    """How many were drawn."""
    options = {"model_hash": "0123456789", "batch_size": 2, "progress": lambda *_: None, **options}
    missing = find_missing(wanted, folder, options["model_hash"])
    draw_missing(models, wanted, missing, folder, **options)
    return len(missing)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_pictures_are_drawn_in_batches_and_tell_what_they_are(models, tmp_path, work) -> None:
    told: list[tuple[int, int]] = []
    assert fill(models, pictures(), tmp_path, progress=lambda *count: told.append(count)) == 5
    assert work.unet_calls == 3 * 2  # batches of 2, 2 and 1, each of two steps
    assert told == [(0, 5), (2, 5), (4, 5), (5, 5)]
    assert [name[:-12] for name in content(tmp_path)] == [f"0000{i + 1}-photo-of-ohwx-man-{i}-" for i in range(5)]
    infos = [read(path) for path in sorted(tmp_path.iterdir())]
    assert infos == [ImageInfo(picture.request, "0123456789") for picture in pictures()]


def test_what_is_there_is_not_drawn_again_and_what_was_deleted_comes_back_bit_for_bit(models, tmp_path, work) -> None:
    fill(models, pictures(), tmp_path)
    before = content(tmp_path)
    work.unet_calls = work.unet_evaluations = 0
    assert fill(models, pictures(), tmp_path) == 0
    assert work.unet_calls == 0
    names = sorted(before)
    for name in (names[1], names[4]):
        (tmp_path / name).unlink()
    times = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert fill(models, pictures(), tmp_path) == 2
    # The batches of the two, of two and one guided pictures: processors round differently for other sizes.
    assert (work.unet_calls, work.unet_evaluations) == (2 * 2, 2 * 2 * 2 + 2 * 2)
    assert content(tmp_path) == before
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in times} == times


def test_a_picture_that_was_renamed_is_there(models, tmp_path) -> None:
    fill(models, pictures(2), tmp_path)
    sorted(tmp_path.iterdir())[0].rename(tmp_path / "my favourite.png")
    assert fill(models, pictures(2), tmp_path) == 0


@pytest.mark.parametrize(
    "change", [{"guidance_scale": 9.0}, {"negative_prompt": "blurry"}, {"num_inference_steps": 3}, {"height": 128}]
)
def test_other_pictures_of_the_same_prompt_and_seed_lie_beside_them(models, tmp_path, change) -> None:
    fill(models, pictures(1), tmp_path)
    before = content(tmp_path)
    assert fill(models, pictures(1, **change), tmp_path) == 1
    assert len(content(tmp_path)) == 2
    assert before.items() <= content(tmp_path).items()


def test_pictures_of_another_model_or_layer_lie_beside_them(models, tmp_path) -> None:
    fill(models, pictures(1), tmp_path)
    assert fill(models, pictures(1), tmp_path, model_hash="9876543210") == 1
    assert fill(models, [Picture(pictures(1)[0].request, clip_skip=2)], tmp_path) == 1
    assert len(content(tmp_path)) == 3


def test_a_damaged_picture_is_drawn_again(models, tmp_path) -> None:
    fill(models, pictures(2), tmp_path)
    before = content(tmp_path)
    empty, cut = sorted(tmp_path.iterdir())
    empty.write_bytes(b"")
    cut.write_bytes(cut.read_bytes()[:-40])
    assert fill(models, pictures(2), tmp_path) == 2
    assert content(tmp_path) == before


def test_other_files_of_the_folder_are_left_alone(models, tmp_path) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    assert fill(models, pictures(1), tmp_path) == 1
    assert (tmp_path / "notes.png").read_text() == "no picture"


def test_an_interruption_leaves_whole_files_alone_and_the_rest_follows(models, tmp_path, monkeypatch) -> None:
    (tmp_path / "at once").mkdir()
    (tmp_path / "in two").mkdir()
    fill(models, pictures(), tmp_path / "at once")

    def interrupted(*args: Any, **options: Any) -> Any:
        if len(list((tmp_path / "in two").iterdir())) == 2:
            raise KeyboardInterrupt
        return draw(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(picture_folder, "draw", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fill(models, pictures(), tmp_path / "in two")
    assert len(content(tmp_path / "in two")) == 2
    assert fill(models, pictures(), tmp_path / "in two") == 3
    assert content(tmp_path / "in two") == content(tmp_path / "at once")


@pytest.mark.parametrize("prompt", ["../../etc/passwd", "/root/x", "a\\b:c*?", "漢字", "..", "x" * 500, ".hidden"])
def test_no_prompt_leaves_the_folder_or_hides_in_it(models, tmp_path, prompt) -> None:
    wanted = [Picture(ImageRequest(prompt, num_inference_steps=1, width=64, height=64))]
    (tmp_path / "pics").mkdir()
    fill(models, wanted, tmp_path / "pics")
    (path,) = (tmp_path / "pics").glob("00001*.png")
    assert read_text(path) == format_info(ImageInfo(wanted[0].request, "0123456789"))
    assert len(list(tmp_path.rglob("*.png"))) == 1
    assert fill(models, wanted, tmp_path / "pics") == 0
