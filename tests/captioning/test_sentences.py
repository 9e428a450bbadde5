"""Captioners say what transformers' own classes say, of each picture by itself, each time the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    Blip2ForConditionalGeneration,
    Blip2Processor,
    BlipForConditionalGeneration,
    BlipProcessor,
    Florence2ForConditionalGeneration,
    Florence2Processor,
    GitForCausalLM,
    GitProcessor,
)

from dbsweep.captioning.model_files import Kind
from dbsweep.captioning.sentences import SentenceCaptioner, load_sentence_captioner
from dbsweep.captioning.telling import SentenceSettings
from dbsweep.errors import InputError, ModelError, ResourceError

CLASSES: dict[Kind, tuple[Any, Any]] = {
    "git": (GitForCausalLM, GitProcessor),
    "blip": (BlipForConditionalGeneration, BlipProcessor),
    "blip-2": (Blip2ForConditionalGeneration, Blip2Processor),
    "florence2": (Florence2ForConditionalGeneration, Florence2Processor),
}
KINDS: list[Kind] = [*CLASSES]


def pictures(count: int = 3) -> list[Image.Image]:
    """Of several sizes."""
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (40 + i, 50, 3), dtype=np.uint8)) for i in range(count)]


@pytest.fixture
def load(captioners: dict[str, Path]) -> Callable[..., SentenceCaptioner]:
    def load(kind: Kind, **settings: Any) -> SentenceCaptioner:
        return load_sentence_captioner("tiny", kind, captioners[kind], SentenceSettings(**settings))

    return load


def generated(folder: Path, kind: Kind, inputs: dict[str, Any], **options: Any) -> list[str]:
    """What transformers itself says of inputs."""
    model_class, processor_class = CLASSES[kind]
    ids = model_class.from_pretrained(folder).generate(**inputs, do_sample=False, **options)
    return [str(text).strip() for text in processor_class.from_pretrained(folder).batch_decode(ids, True)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{"max_tokens": 8, "beams": 1}, {"max_tokens": 5, "beams": 3}])
def test_sentences_are_those_of_transformers_own_generate(load, captioners, kind: Kind, options) -> None:
    processor = CLASSES[kind][1].from_pretrained(captioners[kind])
    asked = {"text": ["<CAPTION>"] * 3} if kind == "florence2" else {}
    inputs = processor(images=pictures(), return_tensors="pt", **asked)
    expected = generated(
        captioners[kind], kind, inputs, max_new_tokens=options["max_tokens"], num_beams=options["beams"]
    )
    described = load(kind, **options).describe(pictures())
    assert described == [(sentence,) for sentence in expected]
    assert len(set(described)) > 1  # or the order could not be told


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_described_alike_alone_and_among_others(load, kind: Kind) -> None:
    captioner = load(kind, max_tokens=8)
    together = captioner.describe(pictures())
    assert [captioner.describe([picture])[0] for picture in pictures()] == together


@pytest.mark.parametrize("kind", ["git", "blip"])
def test_a_sentence_begins_with_the_prompt(load, kind: Kind) -> None:
    plain, prompted = load(kind, max_tokens=4), load(kind, max_tokens=4, prompt="a photo of a man")
    for (sentence,), (other,) in zip(prompted.describe(pictures()), plain.describe(pictures()), strict=True):
        assert sentence.startswith("a photo of a man")
        assert len(sentence.split()) <= 5 + 4
        assert not other.startswith("a photo of a man")


def test_git_goes_on_from_its_prompt(load, captioners) -> None:
    """Not from the token that ends a text, which its tokenizer would put behind."""
    processor = GitProcessor.from_pretrained(captioners["git"])
    words = processor.tokenizer.convert_tokens_to_ids(["[CLS]", "dog"])
    inputs = {**processor(images=pictures(), return_tensors="pt"), "input_ids": torch.tensor([words] * 3)}
    expected = generated(captioners["git"], "git", inputs, max_new_tokens=4)
    assert load("git", max_tokens=4, prompt="dog").describe(pictures()) == [(text,) for text in expected]


def test_blip2_answers_its_prompt(load, captioners) -> None:
    processor = Blip2Processor.from_pretrained(captioners["blip-2"])
    inputs = processor(images=pictures(), text=["a photo of"] * 3, return_tensors="pt")
    expected = generated(captioners["blip-2"], "blip-2", inputs, max_new_tokens=4)
    assert load("blip-2", max_tokens=4, prompt="a photo of").describe(pictures()) == [(text,) for text in expected]


def test_florence_does_the_task_that_is_asked_for(load, captioners) -> None:
    processor = Florence2Processor.from_pretrained(captioners["florence2"])
    asked = processor(images=pictures(), text=["<MORE_DETAILED_CAPTION>"] * 3, return_tensors="pt")
    expected = generated(captioners["florence2"], "florence2", asked, max_new_tokens=8)
    captioner = load("florence2", max_tokens=8, prompt="<MORE_DETAILED_CAPTION>")
    assert captioner.describe(pictures()) == [(text,) for text in expected]


def test_what_is_no_task_of_florence_is_told(load) -> None:
    message = r"--prompt '<CAPTION> of a man': is nothing that this model is asked \(Task token <CAPTION>"
    with pytest.raises(InputError, match=message):
        load("florence2", prompt="<CAPTION> of a man").describe(pictures())


def test_nothing_said_is_no_sentence(load, monkeypatch) -> None:
    captioner = load("git")
    monkeypatch.setattr(captioner._processor, "batch_decode", lambda ids, **_: ["", " \n", " a\n man "][: len(ids)])
    assert captioner.describe(pictures()) == [(), (), ("a man",)]


def copied(folder: Path, to: Path, **config: object) -> Path:
    shutil.copytree(folder, to)
    told = json.loads((to / "config.json").read_text())
    (to / "config.json").write_text(json.dumps({**told, **config}))
    return to


def test_weights_that_are_missing_are_not_made_up(captioners, tmp_path) -> None:
    folder = copied(captioners["git"], tmp_path / "git", num_hidden_layers=2)
    with pytest.raises(ModelError, match=r"model tiny: lacks \d+ of its weights, such as git\.encoder\.layer\.1\."):
        load_sentence_captioner("tiny", "git", folder, SentenceSettings())


def test_weights_that_are_no_numbers_are_refused(captioners, tmp_path) -> None:
    model = GitForCausalLM.from_pretrained(captioners["git"])
    torch.nn.init.constant_(model.git.embeddings.LayerNorm.weight, float("nan"))
    folder = copied(captioners["git"], tmp_path / "git")
    model.save_pretrained(folder)
    message = r"model tiny: sees nothing, NaN .* in 1 weight, such as git\.embeddings\.LayerNorm\.weight; get its files"
    with pytest.raises(ModelError, match=message):
        load_sentence_captioner("tiny", "git", folder, SentenceSettings())


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "preprocessor_config.json"])
def test_damaged_files_are_refused(captioners, tmp_path, file: str) -> None:
    folder = copied(captioners["git"], tmp_path / "git")
    (folder / file).write_bytes(b"half of a file")
    with pytest.raises(ModelError, match="model tiny: cannot be loaded"):
        load_sentence_captioner("tiny", "git", folder, SentenceSettings())


@pytest.mark.parametrize("kind", KINDS)
def test_a_tokenizer_without_words_is_not_made_up(captioners, tmp_path, kind: Kind) -> None:
    folder = copied(captioners[kind], tmp_path / kind)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"model tiny: has no words, it lacks tokenizer\.json or vocab\.txt or vocab"):
        load_sentence_captioner("tiny", kind, folder, SentenceSettings())


def test_a_tokenizer_of_another_model_is_told(captioners, tmp_path) -> None:
    folder = copied(captioners["florence2"], tmp_path / "florence")
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(ModelError, match=r"model tiny: cannot be loaded .*image_token"):
        load_sentence_captioner("tiny", "florence2", folder, SentenceSettings())


def test_no_memory_for_it_names_what_helps(captioners, monkeypatch) -> None:
    def to(*_: object) -> object:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(GitForCausalLM, "to", to)
    with pytest.raises(ResourceError, match="while model tiny was loaded; what helps: a smaller model"):
        load_sentence_captioner("tiny", "git", captioners["git"], SentenceSettings())
