"""A tagger on a tiny random model in the published files' format: its tags are those computed by hand."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from dbsweep.captioning.tagger import load_tagger, on_white_square
from dbsweep.captioning.telling import TagSettings
from dbsweep.errors import ModelError
from tests.captioning.tiny_captioners import SIZE, TAGS, write_tagger

ALL = TagSettings(0.0, 0.0)


def logit(probability: float) -> float:
    return math.log(probability / (1.0 - probability))


def test_outputs_are_probabilities_by_the_sigmoid(tmp_path: Path) -> None:
    """In the order of the list: 4 ratings, 1boy, looking at viewer, ^_^, black hair, hair, 2 characters."""
    probabilities = (0.9, 0.9, 0.9, 0.9, 0.34, 0.36, 0.8, 0.6, 0.1, 0.7, 0.5)
    folder = write_tagger(tmp_path / "tagger", tuple(map(logit, probabilities)))
    picture = Image.new("RGB", (20, 30), "red")
    (tags,) = load_tagger("tiny", folder, TagSettings()).describe([picture])
    assert tags == ("^_^", "alexa (amazon)", "black hair", "robot jones", "looking at viewer")
    (tags,) = load_tagger("tiny", folder, TagSettings(0.7, 0.6)).describe([picture])
    assert tags == ("^_^", "alexa (amazon)")


def order_by_hand(folder: Path, pixels: np.ndarray) -> list[str]:
    """Names of all general tags and characters, the surest first, of (s, s, 3) uint8 pixels in the order B, G, R."""
    config = json.loads((folder / "config.json").read_text())
    model = timm.create_model(config["architecture"], num_classes=len(TAGS), **config["model_args"]).eval()
    model.load_state_dict(load_file(folder / "model.safetensors"))
    shown = (torch.from_numpy(pixels.astype(np.float32)) / 255 - 0.5) / 0.5
    with torch.no_grad():
        outputs = model(shown.permute(2, 0, 1)[None])[0].tolist()
    named = [(output, name) for output, (name, category) in zip(outputs, TAGS, strict=True) if category != 9]
    return [name for _, name in sorted(named, reverse=True)]


def test_pictures_are_seen_in_a_white_square_with_blue_first(tagger: Path) -> None:
    """At the model's own size, so that nothing is resized."""
    rng = np.random.default_rng(3)
    wide = rng.integers(0, 256, (SIZE // 2, SIZE, 3), dtype=np.uint8)
    tall = rng.integers(0, 256, (SIZE, SIZE - 11, 3), dtype=np.uint8)
    in_wide = np.full((SIZE, SIZE, 3), 255, np.uint8)
    in_wide[SIZE // 4 : SIZE // 4 + SIZE // 2] = wide
    in_tall = np.full((SIZE, SIZE, 3), 255, np.uint8)
    in_tall[:, 5 : 5 + SIZE - 11] = tall
    described = load_tagger("tiny", tagger, ALL).describe([Image.fromarray(wide), Image.fromarray(tall)])
    for tags, pixels in zip(described, (in_wide, in_tall), strict=True):
        by_hand = order_by_hand(tagger, pixels[..., ::-1].copy())
        assert [tag.replace(" ", "_") for tag in tags] == by_hand
        assert by_hand != order_by_hand(tagger, pixels)  # red first would be seen otherwise


def test_larger_pictures_are_resized_whole(tagger: Path) -> None:
    rng = np.random.default_rng(4)
    photo = Image.fromarray(rng.integers(0, 256, (3 * SIZE, 2 * SIZE, 3), dtype=np.uint8))
    small = on_white_square(photo).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    captioner = load_tagger("tiny", tagger, ALL)
    assert captioner.describe([photo]) == captioner.describe([small])


def changed(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to


def test_a_list_of_another_length_is_refused(tagger: Path, tmp_path: Path) -> None:
    folder = changed(tagger, tmp_path / "tagger")
    with (folder / "selected_tags.csv").open("a") as lines:
        lines.write("99,one_more,0,1\n")
    message = r"selected_tags\.csv has 12 tags and the model 11 outputs, .*; get both from one place"
    with pytest.raises(ModelError, match=message):
        load_tagger("tiny", folder, ALL)


def test_weights_of_another_network_are_refused(tagger: Path, tmp_path: Path) -> None:
    folder = changed(tagger, tmp_path / "tagger")
    weights = load_file(folder / "model.safetensors")
    del weights["norm.weight"]
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"model tiny: cannot be loaded .*norm\.weight"):
        load_tagger("tiny", folder, ALL)


def test_weights_that_are_no_numbers_are_refused(tagger: Path, tmp_path: Path) -> None:
    folder = changed(tagger, tmp_path / "tagger")
    weights = load_file(folder / "model.safetensors")
    save_file({**weights, "norm.weight": weights["norm.weight"] / 0.0}, folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"sees nothing, NaN .*norm\.weight"):
        load_tagger("tiny", folder, ALL)


@pytest.mark.parametrize(
    ("file", "content"),
    [("config.json", b'{"architecture": "no_such_network", "pretrained_cfg": {}}'), ("model.safetensors", b"half")],
)
def test_what_cannot_be_loaded_is_told(tagger: Path, tmp_path: Path, file: str, content: bytes) -> None:
    folder = changed(tagger, tmp_path / "tagger")
    (folder / file).write_bytes(content)
    with pytest.raises(ModelError, match="model tiny: cannot be loaded"):
        load_tagger("tiny", folder, ALL)
