"""Encoders load from folders, embed in batches, and say what is wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from dbsweep.errors import ModelError, ResourceError
from dbsweep.scoring.encoders import OpenClipEncoder, load_encoder


def some_images(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, size=(40 + i, 40 + i, 3), dtype=np.uint8) for i in range(count)]


@pytest.mark.parametrize("prefix", ["", "local-dir:"])
def test_a_folder_loads_bare_or_with_prefix(clip_folder: Path, prefix: str) -> None:
    encoder = load_encoder(f"{prefix}{clip_folder}", "cpu")
    assert encoder.name == f"{prefix}{clip_folder}"
    texts = encoder.encode_texts(["photo of man", "photo of woman"])
    assert texts.shape == (2, 16)
    assert texts.dtype == np.float32
    assert np.linalg.norm(texts, axis=1) == pytest.approx([1.0, 1.0], abs=1e-5)
    assert not np.allclose(texts[0], texts[1])


def test_images_get_the_models_own_preprocessing(clip_folder: Path) -> None:
    """The reference is written out: bicubic to 32 px, then (x / 255 - 0.5) / 0.5, as the folder's config says."""
    image = some_images(1)[0]
    model = open_clip.create_model(f"local-dir:{clip_folder}").eval()
    small = np.asarray(Image.fromarray(image).resize((32, 32), Image.Resampling.BICUBIC), dtype=np.float32)
    tensor = torch.from_numpy((small / 255.0 - 0.5) / 0.5).permute(2, 0, 1)[None]
    with torch.inference_mode():
        expected = torch.nn.functional.normalize(model.encode_image(tensor), dim=-1).numpy()
    assert load_encoder(str(clip_folder)).encode_images([image]) == pytest.approx(expected, abs=1e-5)


def test_batching_changes_nothing(clip_folder: Path) -> None:
    images, texts = some_images(5), ["a", "b c", "d", "e f g", "h"]
    alone, together = load_encoder(str(clip_folder), batch_size=1), load_encoder(str(clip_folder), batch_size=2)
    assert alone.encode_images(images) == pytest.approx(together.encode_images(images), abs=1e-5)
    assert alone.encode_texts(texts) == pytest.approx(together.encode_texts(texts), abs=1e-5)


def let_only_fit(encoder: OpenClipEncoder, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """More images at once than that end as on a GPU that is full."""
    model = encoder._model.on_device()
    real = model.encode_image

    def encode_image(images: torch.Tensor, *, normalize: bool) -> torch.Tensor:
        if len(images) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        features: torch.Tensor = real(images, normalize=normalize)
        return features

    monkeypatch.setattr(model, "encode_image", encode_image)


def test_fewer_are_looked_at_where_memory_is_short(clip_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, encoder = some_images(7), load_encoder(str(clip_folder))
    expected = encoder.encode_images(images)
    let_only_fit(encoder, 2, monkeypatch)
    assert encoder.encode_images(images) == pytest.approx(expected, abs=1e-5)


def test_no_memory_for_one_image_names_a_smaller_encoder(clip_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load_encoder(str(clip_folder))
    let_only_fit(encoder, 0, monkeypatch)
    with pytest.raises(
        ResourceError, match=r"looked at one picture or text; what helps: .*evaluate.encoder ViT-B-32/openai"
    ):
        encoder.encode_images(some_images(3))


def test_no_memory_for_an_encoder_is_not_taken_for_a_missing_network(
    clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create(*_: object, **__: object) -> object:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(open_clip, "create_model_from_pretrained", create)
    with pytest.raises(
        ResourceError, match=r"out of memory while evaluate.encoder .* was loaded; what helps: a smaller"
    ):
        load_encoder(str(clip_folder))


@pytest.mark.parametrize("what", ["images", "texts"])
def test_who_has_made_room_comes_back_to_look(clip_folder: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    encoder = load_encoder(str(clip_folder))
    moves: list[torch.device] = []
    monkeypatch.setattr(encoder._model, "_is_away", True)
    monkeypatch.setattr(encoder._model, "_move", moves.append)
    for _ in range(2):
        _ = encoder.encode_images(some_images(1)) if what == "images" else encoder.encode_texts(["a"])
    assert moves == [torch.device("cpu")]


@pytest.mark.gpu
def test_a_gpu_is_left_while_others_need_it(clip_folder: Path) -> None:
    before = torch.cuda.memory_allocated()
    encoder = load_encoder(str(clip_folder), "cuda")
    rows, taken = encoder.encode_images(some_images(3)), torch.cuda.memory_allocated() - before
    assert taken > 0
    with torch.inference_mode():
        assert encoder._model.leave()
    assert torch.cuda.memory_allocated() - before < taken / 10
    assert np.array_equal(encoder.encode_images(some_images(3)), rows)


@pytest.mark.gpu
def test_a_gpu_embeds_as_the_cpu_does(clip_folder: Path) -> None:
    images = some_images(5)
    cpu, gpu = load_encoder(str(clip_folder)), load_encoder(str(clip_folder), "cuda")
    assert gpu.encode_images(images) == pytest.approx(cpu.encode_images(images), abs=2e-3)
    assert gpu.encode_texts(["a", "b c"]) == pytest.approx(cpu.encode_texts(["a", "b c"]), abs=2e-3)


class Normed(torch.nn.Module):
    """Norms by its batch while it trains, as the ResNets among the CLIPs do."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(3)

    def encode_image(self, images: torch.Tensor, *, normalize: bool) -> torch.Tensor:
        assert normalize
        return self.norm(images.mean(dim=(2, 3)))  # type: ignore[no-any-return]


def test_a_model_that_norms_by_batches_sees_each_image_alone() -> None:
    def preprocess(image: Image.Image) -> torch.Tensor:
        return torch.from_numpy(np.asarray(image, dtype=np.float32)[:40, :40]).permute(2, 0, 1)

    encoder = OpenClipEncoder("normed", Normed().train(), preprocess, lambda texts: torch.zeros(len(texts), 1))
    images = some_images(3)
    assert encoder.encode_images(images)[:1] == pytest.approx(encoder.encode_images(images[:1]))


def test_nothing_to_embed_is_no_error(clip_folder: Path) -> None:
    assert len(load_encoder(str(clip_folder)).encode_images([])) == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ViT-L-14", "neither a folder nor an open_clip model/tag"),
        ("ViT-L-14/nonsense", "ViT-L-14 has the tags openai"),
        ("NoSuchModel/openai", "open_clip knows no pretrained model 'NoSuchModel'"),
        ("local-dir:/nowhere/at/all", "'/nowhere/at/all' is not an open_clip folder: it has no open_clip_config.json"),
    ],
)
def test_wrong_names_are_explained(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load_encoder(name)
    with pytest.raises(ModelError, match=r"^evaluate\.identity\.encoder: "):
        load_encoder(name, field="evaluate.identity.encoder")


def test_a_folder_without_weights_is_refused(clip_folder: Path, tmp_path: Path) -> None:
    shutil.copy(clip_folder / "open_clip_config.json", tmp_path)
    with pytest.raises(ModelError, match=r"cannot load .*weights"):
        load_encoder(str(tmp_path))


def test_damaged_weights_are_refused(clip_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(clip_folder, tmp_path / "clip")
    weights = tmp_path / "clip" / "open_clip_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"check its open_clip_config.json, weights"):
        load_encoder(str(tmp_path / "clip"))


def test_a_pointer_in_place_of_the_weights_is_refused(clip_folder: Path, tmp_path: Path) -> None:
    shutil.copy(clip_folder / "open_clip_config.json", tmp_path)
    (tmp_path / "open_clip_pytorch_model.bin").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ModelError, match=r"check its open_clip_config.json, weights"):
        load_encoder(str(tmp_path))


def test_weights_of_another_architecture_are_refused(clip_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(clip_folder, tmp_path / "clip")
    config = json.loads((clip_folder / "open_clip_config.json").read_text())
    config["model_cfg"]["vision_cfg"]["layers"] = 2
    (tmp_path / "clip" / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"cannot load .*CLIP"):
        load_encoder(str(tmp_path / "clip"))


@pytest.mark.parametrize("key", ["token_embedding.weight", "visual.proj"])
def test_weights_that_are_no_numbers_are_told_as_such(clip_folder: Path, tmp_path: Path, key: str) -> None:
    """Of images or of texts; in one row of the words it would show with some prompts alone."""
    shutil.copytree(clip_folder, tmp_path / "clip")
    weights = load_file(clip_folder / "open_clip_model.safetensors")
    weights[key][-1] = float("inf")
    save_file(weights, tmp_path / "clip" / "open_clip_model.safetensors")
    with pytest.raises(
        ModelError, match=f"^evaluate.encoder: .*clip' sees nothing: NaN .* in 1 weight, such as {key};"
    ):
        load_encoder(str(tmp_path / "clip"))


def test_openai_weights_get_quick_gelu(monkeypatch: pytest.MonkeyPatch) -> None:
    """open_clip only warns when a tag was trained with QuickGELU and the architecture has GELU."""
    asked: list[bool] = []

    def create(*_: object, force_quick_gelu: bool, **__: object) -> tuple[torch.nn.Module, object]:
        asked.append(force_quick_gelu)
        return torch.nn.Linear(1, 1), None

    monkeypatch.setattr(open_clip, "create_model_from_pretrained", create)
    load_encoder("ViT-L-14/openai")
    load_encoder("ViT-L-14/laion400m_e32")
    assert asked == [True, False]
