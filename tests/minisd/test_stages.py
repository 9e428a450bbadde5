"""Stages whose results are there are skipped; how they train is tested by the whole recipe."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from transformers import CLIPTokenizer

from dbsweep.minisd import stages
from dbsweep.minisd.architecture import new_autoencoder
from dbsweep.minisd.paths import pipeline_path
from dbsweep.minisd.recipe import Recipe
from dbsweep.minisd.stages import SHARPENED, decoder_stage, renders_stage, text_stage, tokenizer_stage


@pytest.fixture(autouse=True)
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "train_together", lambda *_: pytest.fail("trained"))


def test_a_tokenizer_that_is_there_is_not_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stages, "build_tokenizer", lambda seed: pytest.fail("built"))
    shutil.copytree(pipeline_path() / "tokenizer", tmp_path / "tokenizer")
    shipped = CLIPTokenizer.from_pretrained(pipeline_path() / "tokenizer")
    assert tokenizer_stage(Recipe(), tmp_path)("photo of ohwx man").input_ids == shipped("photo of ohwx man").input_ids


def test_pictures_are_those_of_the_recipe(tmp_path: Path):
    np.save(tmp_path / "renders.npy", np.zeros((3, 64, 64, 3), np.uint8))
    assert renders_stage(Recipe(renders=2), tmp_path).shape == (2, 64, 64, 3)


def test_a_text_encoder_that_is_there_needs_no_model_before_it(tmp_path: Path):
    (tmp_path / "text_encoder").mkdir()
    text_stage(Recipe(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["text_encoder"]


def test_a_decoder_is_sharpened_unless_it_says_that_it_was(tmp_path: Path):
    new_autoencoder().save_pretrained(tmp_path / "vae")
    (tmp_path / "vae" / SHARPENED).touch()
    decoder_stage(Recipe(), tmp_path)
    (tmp_path / "vae" / SHARPENED).unlink()
    with pytest.raises(pytest.fail.Exception, match="trained"):
        decoder_stage(Recipe(), tmp_path)
