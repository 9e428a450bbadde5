"""A model says what transformers says, once for each attempt, and leaves the prompt's words whole."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

from dbsweep.errors import InputError, ModelError
from dbsweep.prompting.chances import chance
from dbsweep.prompting.language_model import LanguageModel, Said, load_language_model
from dbsweep.prompting.model_files import find_language_model
from dbsweep.prompting.settings import IdeaSettings
from tests.prompting.tiny_language_models import END, write_gpt2

PROMPT = "photo of ohwx man"
WILD = IdeaSettings(temperature=3.0, top_k=0)


@pytest.fixture
def model(gpt2: Path) -> LanguageModel:
    return load(gpt2)


def load(folder: Path) -> LanguageModel:
    return load_language_model(find_language_model(str(folder)))


def say(model: LanguageModel, attempts: range, settings: IdeaSettings = WILD, most: int = 12) -> list[str]:
    said = model.say(PROMPT, [chance(settings.seed, attempt) for attempt in attempts], most, settings)
    return [each.text for each in said]


@pytest.mark.parametrize("penalty", [1.0, 1.7])
def test_the_likeliest_words_are_those_of_transformers_own_generate(gpt2, model, penalty: float) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(gpt2)
    inputs = tokenizer(PROMPT, return_tensors="pt")
    theirs = GPT2LMHeadModel.from_pretrained(gpt2).generate(
        **inputs,
        max_new_tokens=12,
        do_sample=False,
        repetition_penalty=penalty,
        pad_token_id=0,
        begin_suppress_tokens=model._no_beginnings,
    )
    expected = tokenizer.decode(theirs[0], skip_special_tokens=True)
    (text,) = say(model, range(1), IdeaSettings(top_k=1, repetition_penalty=penalty))
    assert PROMPT + text == expected


def test_an_attempt_says_the_same_alone_and_among_others(model) -> None:
    together = say(model, range(6))
    assert [say(model, range(i, i + 1))[0] for i in range(6)] == together
    assert len(set(together)) == 6
    assert say(model, range(6), IdeaSettings(temperature=3.0, top_k=0, seed=1)) != together


@pytest.mark.parametrize("bolder", [{"temperature": 3.0}, {"top_k": 0}, {"repetition_penalty": 3.0}, {"seed": 5}])
def test_each_setting_counts(model, bolder: dict[str, float]) -> None:
    plain = {"temperature": 1.5, "top_k": 3, "repetition_penalty": 1.0, "seed": 0}
    both = [IdeaSettings(**{**plain, **more}) for more in ({}, bolder)]  # type: ignore[arg-type]
    assert say(model, range(6), both[0]) != say(model, range(6), both[1])


def test_a_small_top_p_leaves_the_likeliest_alone(model) -> None:
    narrow = IdeaSettings(temperature=0.9, top_k=0, top_p=1e-6)
    assert set(say(model, range(4), narrow)) == set(say(model, range(1), IdeaSettings(top_k=1)))


def test_no_attempt_goes_on_with_the_prompts_last_word(model) -> None:
    texts = say(model, range(60), most=1)
    assert all(text and not text[0].isalnum() and text[0] not in "-_" for text in texts)
    model._no_beginnings = [0]
    assert any(text[:1].isalnum() for text in say(model, range(60), most=1))  # or nothing was shown


def test_what_ends_by_itself_is_whole(model) -> None:
    said = model.say(PROMPT, [chance(0, attempt) for attempt in range(40)], 60, WILD)
    assert {each.is_whole for each in said} == {True, False}
    assert not any(END in each.text for each in said)
    lengths = [len(each.text) for each in said if each.is_whole and "\n" not in each.text]
    assert min(lengths) < min(len(each.text) for each in said if not each.is_whole)


def test_what_its_files_say_of_sampling_does_not_count(gpt2, model, tmp_path) -> None:
    shutil.copytree(gpt2, tmp_path / "model")
    file = tmp_path / "model" / "generation_config.json"
    told = json.loads(file.read_text())
    file.write_text(json.dumps({**told, "num_beams": 3, "no_repeat_ngram_size": 1, "max_length": 5}))
    assert say(load(tmp_path / "model"), range(4)) == say(model, range(4))


def test_no_more_is_said_than_it_can_read(tmp_path) -> None:
    model = load(write_gpt2(tmp_path / "short", context=8))
    (said,) = model.say(PROMPT, [chance(0, 0)], 50, WILD)
    (expected,) = say(model, range(1), most=4)
    assert said == Said(expected, is_whole=False)
    with pytest.raises(InputError, match=r"a prompt of 9 tokens is more than model .*short goes on with: it reads 8"):
        model.say("photo of ohwx man, red hat, portrait", [chance(0, 0)], 50, WILD)


def test_a_tokenizer_of_another_model_is_told(gpt2, tmp_path) -> None:
    shutil.copytree(gpt2, tmp_path / "model")
    model = GPT2LMHeadModel.from_pretrained(gpt2)
    model.resize_token_embeddings(40)
    model.save_pretrained(tmp_path / "model")
    with pytest.raises(ModelError, match=r"its tokenizer does not fit, 'photo of ohwx man' has words that the model"):
        say(load(tmp_path / "model"), range(1))


def test_weights_that_are_missing_or_no_numbers_are_refused(gpt2, tmp_path) -> None:
    shutil.copytree(gpt2, tmp_path / "model")
    config = tmp_path / "model" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "n_layer": 3}))
    with pytest.raises(ModelError, match=r"lacks \d+ of its weights, such as transformer\.h\.2\."):
        load(tmp_path / "model")
    model = GPT2LMHeadModel.from_pretrained(gpt2)
    torch.nn.init.constant_(model.transformer.ln_f.weight, float("nan"))
    model.save_pretrained(tmp_path / "model")
    with pytest.raises(
        ModelError, match=r"says nothing, NaN .* such as transformer\.ln_f\.weight; get its files again"
    ):
        load(tmp_path / "model")


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json"])
def test_damaged_files_are_refused(gpt2, tmp_path, file: str) -> None:
    shutil.copytree(gpt2, tmp_path / "model")
    (tmp_path / "model" / file).write_bytes(b"half of a file")
    with pytest.raises(ModelError, match=r"model .*: cannot be loaded \(.*\); get its files again"):
        load(tmp_path / "model")


class Harmful:
    """Runs a function when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("harm",)


def test_of_pickles_weights_alone_are_read(gpt2, model, tmp_path, capsys) -> None:
    shutil.copytree(gpt2, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    file = tmp_path / "model" / "pytorch_model.bin"
    weights = GPT2LMHeadModel.from_pretrained(gpt2).state_dict()
    torch.save(weights, file)
    assert say(load(tmp_path / "model"), range(2)) == say(model, range(2))
    torch.save({**weights, "more": Harmful()}, file)
    with pytest.raises(ModelError, match=r"refused, .* it asks for [\w.]*print; use \.safetensors files"):
        load(tmp_path / "model")
    file.write_bytes(pickle.dumps(Harmful(), protocol=2))
    with pytest.raises(ModelError, match=r"refused, .* it asks for [\w.]*print"):
        load(tmp_path / "model")
    assert "harm" not in capsys.readouterr().out


def test_an_idea_may_begin_with_a_letter_of_several_tokens_where_words_have_no_spaces(model) -> None:
    """Its tokenizer has a token for each byte alone, as GPT-2's for most of them."""
    (first, *_) = model._tokenizer("在").input_ids
    assert model._tokenizer.decode([first]) == "\ufffd"
    assert first not in model._no_beginnings
    assert model._tokenizer("в").input_ids[0] in model._no_beginnings
