"""The shipped weights: they load as any Stable Diffusion does, from any place, and are what the model card says."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dbsweep.minisd.folder import file_hashes, total_bytes
from dbsweep.minisd.paths import MAX_BYTES, WEIGHTS, clip_path, pipeline_path
from dbsweep.scoring.encoders import load_encoder

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "dbsweep"


def test_the_pipeline_loads_and_draws_from_any_place(tmp_path: Path):
    from diffusers import StableDiffusionPipeline

    torch.set_num_threads(1)
    shutil.copytree(pipeline_path(), tmp_path / "elsewhere")
    pipeline = StableDiffusionPipeline.from_pretrained(tmp_path / "elsewhere")
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(0)
    image = pipeline("photo of ohwx man", num_inference_steps=4, generator=generator).images[0]
    assert image.size == (64, 64)
    assert np.asarray(image).std() > 15
    assert pipeline.scheduler.config.beta_schedule == "scaled_linear"
    assert pipeline.tokenizer.tokenize("ohwx") == ["ohwx</w>"]
    assert pipeline.tokenizer.model_max_length == 77


def test_the_clip_model_loads_from_any_place_and_matches_words_to_pictures(tmp_path: Path):
    import open_clip

    from dbsweep.minisd.attributes import STYLES
    from dbsweep.minisd.world import draw_samples, render_samples

    folder = shutil.copytree(clip_path(), tmp_path / "clip")
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    samples = draw_samples(505, 48)
    with torch.no_grad():
        pictures = torch.stack([preprocess(Image.fromarray(render)) for render in render_samples(samples)])
        image = model.eval().encode_image(pictures, normalize=True)
        text = model.encode_text(tokenizer([f"{style} of a person" for style in STYLES]), normalize=True)
    found = [STYLES[int(i)] for i in (image @ text.T).argmax(dim=1)]
    assert np.mean([style == sample.style for style, sample in zip(found, samples, strict=True)]) > 0.7


def test_the_clip_model_tells_renders_apart_by_their_captions():
    from benchmarks.minisd import captions_found

    assert captions_found(load_encoder(str(clip_path())), 128) > 0.95


def test_all_weights_together_stay_small():
    assert total_bytes(WEIGHTS) <= MAX_BYTES == 24_000_000


def test_the_model_card_lists_every_file_with_its_hash():
    card = (PACKAGE / "minisd" / "MODEL_CARD.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([^`]+)` \| `([0-9a-f]{64})` \|$", card, flags=re.MULTILINE))
    assert listed == file_hashes(WEIGHTS)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_the_product_never_imports_the_oracle(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        assert not any(name.split(".")[0] in ("benchmarks", "tests") for name in [*names, module])


def test_no_folder_of_the_training_machine_is_named():
    assert not [file for file in WEIGHTS.rglob("*.json") if "_name_or_path" in file.read_text(encoding="utf-8")]
