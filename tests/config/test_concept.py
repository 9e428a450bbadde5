"""What is taught: prompts that fit the tokens, and folders that do not overlap."""

from __future__ import annotations

import pytest

from tests.config.conftest import SMALL, Faults, Load


def concept(**changes: str) -> str:
    text = SMALL
    for key, value in changes.items():
        lines = [f"    {key}: {value}" if line.strip().startswith(key) else line for line in text.splitlines()]
        text = "\n".join(lines) + "\n"
    return text


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        (
            {"instance_prompt": "photo of ohwxman"},
            "concepts[0].instance_prompt",
            "must contain the instance token 'ohwx' as a word, got 'photo of ohwxman' (line 7)",
        ),
        (
            {"sanity_prompts": "[ohwx neon, man in ink]"},
            "concepts[0].sanity_prompts[1]",
            "must contain the instance token 'ohwx' as a word, got 'man in ink' (line 9)",
        ),
        (
            {"class_prompt": "photo of OHWX man"},
            "concepts[0].class_prompt",
            "must not contain the instance token 'ohwx', got 'photo of OHWX man' (line 8)",
        ),
        (
            {"sanity_prompts": "[photo of ohwx man]"},
            "concepts[0].sanity_prompts",
            "must add a style to instance_prompt, got the same prompt (line 9)",
        ),
        (
            {"class_prompt": "photo of man\n    prior_prompt: picture of an ohwx"},
            "concepts[0].prior_prompt",
            "must not contain the instance token 'ohwx', got 'picture of an ohwx' (line 9)",
        ),
        (
            {"class_prompt": "photo of man\n    prior_prompt: '[filewords]'"},
            "concepts[0].prior_prompt",
            "must be the same at every checkpoint: [filewords] cannot be part of it, got '[filewords]' (line 9)",
        ),
        (
            {"instance_prompt": "ohwx man '[FileWords]'"},
            "concepts[0].instance_prompt",
            "must be spelled [filewords] where captions are meant, got '[FileWords]' (line 7)",
        ),
        (
            {"sanity_prompts": "['ink of ohwx man', '[filewords], {file words}']"},
            "concepts[0].sanity_prompts",
            "must be spelled [filewords] where captions are meant, got '{file words}' (line 9)",
        ),
        ({"instance_token": "''"}, "concepts[0].instance_token", "must not be empty, got '' (line 5)"),
        ({"sanity_prompts": "[]"}, "concepts[0].sanity_prompts", "needs at least 1, got none (line 9)"),
        (
            {"sanity_prompts": "[ink of ohwx man, ink of ohwx man]"},
            "concepts[0].sanity_prompts",
            "must differ: pictures that count twice make scores look surer than they are (line 9)",
        ),
        ({"instance_token": "' '"}, "concepts[0].instance_token", "must have words, got ' ' (line 5)"),
        ({"class_prompt": "' '"}, "concepts[0].class_prompt", "must have words, got ' ' (line 8)"),
        (
            {"class_token": "ohwx"},
            "concepts[0].class_token",
            "must be the noun for the class and not instance_token, got 'ohwx' for both (line 6)",
        ),
        (
            {"class_token": "ohwx man"},
            "concepts[0].class_token",
            "must be the noun alone, got 'ohwx man' with the instance token 'ohwx': leave it out (line 6)",
        ),
        (
            {"instance_token": "ohwx Man"},
            "concepts[0].class_token",
            "must not be part of instance_token, got 'man' in 'ohwx Man': leave it out there (line 6)",
        ),
    ],
)
def test_prompts_fit_the_tokens(faults: Faults, changes: dict[str, str], path: str, message: str):
    assert faults(text=concept(**changes)) == {path: message}


@pytest.mark.parametrize(
    ("setting", "path"),
    [("class_images: {folder: %s}", "class_images.folder"), ("validation_images: %s", "validation_images")],
)
def test_the_photos_are_not_class_images_nor_held_out(faults: Faults, load: Load, setting: str, path: str):
    def text(folder: str) -> str:
        return SMALL.replace("    class_token", f"    {setting % folder}\n    class_token")

    (fault,) = faults(text=text("./photos")).items()
    assert fault[0] == f"concepts[0].{path}"
    assert fault[1].startswith("must not be the folder of instance_images, which are trained as the subject, got '/")
    load(text=text("photos/other"))


def test_captions_may_name_the_subject(load: Load, faults: Faults):
    text = concept(instance_prompt='"[filewords]"', sanity_prompts='["[filewords], ink"]')
    assert load(text=text).concepts[0].captions == "hybrid"
    assert faults("    captions: fine_tuning\n") == {
        "concepts[0].instance_prompt": "must contain [filewords] where captions is fine_tuning, got 'photo of ohwx man'"
        " (line 7)"
    }


@pytest.mark.parametrize("token", ["OHWX", "<man-toy>", "ohwx's"])
def test_tokens_may_have_signs_and_capitals(load: Load, token: str):
    text = concept(instance_token=f'"{token}"', instance_prompt=f'"photo of {token.lower()}, smiling"')
    assert load(text=concept_with_sanity(text, token)).concepts[0].instance_token == token


def concept_with_sanity(text: str, token: str) -> str:
    return text.replace('["photo of ohwx man, neon style"]', f'["{token} in neon"]')


def test_a_token_inside_the_class_word_is_not_that_word(load: Load):
    assert load(text=SMALL.replace("class_prompt: photo of man", "class_prompt: photo of ohwxman")) is not None


def test_a_prompt_that_yaml_takes_for_more_than_text_is_told_to_be_quoted(faults: Faults) -> None:
    found = faults(
        "",
        text=SMALL.replace("photo of ohwx man\n", "[filewords]\n").replace(
            '"photo of ohwx man, neon style"', "ohwx man: neon"
        ),
    )
    assert found["concepts[0].instance_prompt"] == (
        "must be text, got ['filewords']; text with a colon or in brackets needs quotes (line 7)"
    )
    assert found["concepts[0].sanity_prompts[0]"].startswith(
        "must be text, got {'ohwx man': 'neon'}; text with a colon"
    )
