"""Text embeddings are A1111's: chunks, weights, clip skip, padding."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dbsweep.errors import InputError
from dbsweep.models.bundle import StableDiffusion
from dbsweep.sampling.conditioning import encode_prompts, make_chunks
from tests.tiny_models import make_text_encoder, make_tokenizer


def words(models: StableDiffusion, prompt: str) -> list[str]:
    """The text of each chunk; every word of these prompts is one token."""
    return [
        " ".join(str(t).removesuffix("</w>") for t in models.tokenizer.convert_ids_to_tokens(chunk.tokens))
        for chunk in make_chunks(prompt, models)
    ]


def encode(models: StableDiffusion, prompt: str, clip_skip: int = 1) -> Tensor:
    with torch.inference_mode():
        return encode_prompts(models, [prompt], clip_skip=clip_skip)[0]


def plain(models: StableDiffusion, prompt: str) -> Tensor:
    """As diffusers' pipeline encodes a prompt of at most 75 tokens."""
    ids = models.tokenizer(prompt, padding="max_length", max_length=77, return_tensors="pt").input_ids
    with torch.inference_mode():
        encoding: Tensor = models.text_encoder(ids).last_hidden_state[0]
    return encoding


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("", [""]),
        ("man dog", ["man dog"]),
        (" ".join(["man"] * 75), [" ".join(["man"] * 75)]),
        (" ".join(["man"] * 76), [" ".join(["man"] * 75), "man"]),
        # The comma is the 61st token: 75 - 60 = 15 ≤ 20 back, so the 14 words after it move to the next chunk.
        (
            " ".join(["man"] * 60) + "," + " dog" * 20,
            [" ".join(["man"] * 60) + " ,", " ".join(["dog"] * 20)],
        ),
        # At 75 - 55 = 20 it still splits, at 75 - 54 = 21 it no longer does.
        (" ".join(["man"] * 55) + "," + " dog" * 20, [" ".join(["man"] * 55) + " ,", " ".join(["dog"] * 20)]),
        (
            " ".join(["man"] * 54) + "," + " dog" * 21,
            [" ".join(["man"] * 54) + " ," + " dog" * 20, "dog"],
        ),
        # A comma that comes when the chunk is full starts the next one; the earlier one does not split.
        (
            " ".join(["man"] * 70) + ", man man man man, dog",
            [" ".join(["man"] * 70) + " , man man man man", ", dog"],
        ),
        # A comma splits its own chunk alone, and once.
        (
            " ".join(["man"] * 60) + ", BREAK" + " dog" * 76,
            [" ".join(["man"] * 60) + " ,", " ".join(["dog"] * 75), "dog"],
        ),
        (
            " ".join(["man"] * 60) + "," + " dog" * 76,
            [" ".join(["man"] * 60) + " ,", " ".join(["dog"] * 75), "dog"],
        ),
        ("man BREAK dog", ["man", "dog"]),
        ("BREAK dog", ["", "dog"]),
        ("man BREAK", ["man"]),
        ("man BREAK BREAK dog", ["man", "", "dog"]),
        ("BREAK", [""]),
    ],
)
def test_chunks_split_as_in_a1111(models: StableDiffusion, prompt: str, expected: list[str]) -> None:
    assert words(models, prompt) == expected


def test_weights_follow_their_tokens_into_the_next_chunk(models: StableDiffusion) -> None:
    first, second = make_chunks(" ".join(["man"] * 60) + ", (" + "dog " * 10 + ":1.5)" + " red" * 10, models)
    assert first.weights == [1.0] * 61
    assert second.weights == [1.5] * 10 + [1.0] * 10


def test_unweighted_prompts_are_encoded_as_diffusers_does(models: StableDiffusion) -> None:
    assert torch.equal(encode(models, "photo of ohwx man"), plain(models, "photo of ohwx man"))
    assert torch.equal(encode(models, ""), plain(models, ""))


def test_chunks_are_encoded_apart_and_concatenated(models: StableDiffusion) -> None:
    together = encode(models, "red hair BREAK ink poster")
    assert together.shape == (154, 32)
    apart = torch.cat([plain(models, "red hair"), plain(models, "ink poster")])
    torch.testing.assert_close(together, apart, rtol=1e-5, atol=1e-6)


@pytest.fixture
def biased(models: StableDiffusion) -> StableDiffusion:
    """With a final norm as trained ones have it: means away from zero."""
    encoder = copy.deepcopy(models.text_encoder)
    with torch.no_grad():
        encoder.final_layer_norm.bias.fill_(-0.1)
    return replace(models, text_encoder=encoder)


def test_weights_scale_the_output_and_the_mean_comes_back(biased: StableDiffusion) -> None:
    base = plain(biased, "photo of man")
    factors = torch.ones(77, 1)
    factors[3] = 1.4  # BOS, photo, of, man
    scaled = base * factors
    expected = scaled * (base.mean() / scaled.mean())
    actual = encode(biased, "photo of (man:1.4)")
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-6)
    assert float(actual.mean()) == pytest.approx(float(base.mean()), rel=1e-4)
    assert not torch.allclose(actual, scaled, atol=1e-4)


def test_a_mean_of_zero_is_no_scale(models: StableDiffusion) -> None:
    base = plain(models, "photo of man")  # the random encoder's final norm has no bias: its mean is rounding noise
    factors = torch.ones(77, 1)
    factors[3] = 1.4
    torch.testing.assert_close(encode(models, "photo of (man:1.4)"), base * factors, rtol=1e-5, atol=1e-6)


def test_a_mean_that_changes_its_sign_is_no_scale(biased: StableDiffusion) -> None:
    base, factors = plain(biased, "photo of man"), torch.ones(77, 1)
    factors[1:4] = -100.0
    assert base.mean() < 0.0 < (base * factors).mean()
    torch.testing.assert_close(encode(biased, "(photo of man:-100)"), base * factors, rtol=1e-5, atol=1e-5)


def test_the_mean_is_restored_for_each_chunk_alone(biased: StableDiffusion) -> None:
    weighted = encode(biased, "(red hair:1.5) BREAK ink poster")
    torch.testing.assert_close(weighted[77:], plain(biased, "ink poster"), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(weighted[:77].mean(), plain(biased, "red hair").mean(), rtol=1e-4, atol=0)


def test_clip_skip_takes_an_earlier_layer_and_normalises_it(models: StableDiffusion) -> None:
    ids = models.tokenizer("red hair", padding="max_length", max_length=77, return_tensors="pt").input_ids
    with torch.inference_mode():
        states = models.text_encoder(ids, output_hidden_states=True).hidden_states
        expected = models.text_encoder.final_layer_norm(states[-2])[0]
    torch.testing.assert_close(encode(models, "red hair", clip_skip=2), expected)
    assert not torch.allclose(expected, plain(models, "red hair"), atol=1e-3)


def test_clip_skip_of_more_layers_than_there_are_is_refused(models: StableDiffusion) -> None:
    layers = models.text_encoder.config.num_hidden_layers
    encode(models, "red hair", clip_skip=layers)
    with pytest.raises(
        InputError, match=f"clip_skip {layers + 1} is more than the {layers} layers .*: choose 1 to {layers}"
    ):
        encode(models, "red hair", clip_skip=layers + 1)


def test_a_pad_token_of_its_own_follows_the_first_end(models: StableDiffusion) -> None:
    tokenizer = make_tokenizer()
    tokenizer.pad_token = "!"
    seen: list[list[int]] = []
    encoder = make_text_encoder(len(tokenizer))
    encoder.register_forward_pre_hook(lambda _, args: seen.extend(args[0].tolist()))
    encode(replace(models, tokenizer=tokenizer, text_encoder=encoder), "red hair")
    begin, end, pad = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("!")
    assert pad != end
    assert seen == [[begin, *tokenizer("red hair", add_special_tokens=False).input_ids, end] + [pad] * 73]


def test_results_stand_in_the_order_asked_for(models: StableDiffusion) -> None:
    with torch.inference_mode():
        first, second, third = encode_prompts(models, ["man", "dog BREAK man", "man"])
    assert torch.equal(first, third)
    assert second.shape == (154, 32)
    torch.testing.assert_close(first, plain(models, "man"), rtol=1e-5, atol=1e-6)
    assert encode_prompts(models, []) == []
