"""The part of the experiment file that says what is taught."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from dbsweep.config.fields import Count, CountOrNone, GuidanceScale, LocalPath, SamplingSteps, Section
from dbsweep.config.problems import Problems

FILEWORDS = "[filewords]"
"""In a prompt: the text of the caption file beside the image (`dbsweep.concepts.caption_files`)."""

_NEARLY_FILEWORDS = re.compile(r"[\[{]\s*file[\s_-]*words?\s*[\]}]", re.IGNORECASE)


def contains_words(text: str, words: str) -> bool:
    """Whether the words stand in the text as whole words, in any case (CLIP's tokenizer lowers it too)."""
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE) is not None


class ClassImages(Section):
    """How the base model draws the class images of prior preservation."""

    enabled: bool = Field(True, description="false trains this concept without class images, even if others have them")
    folder: LocalPath | None = Field(
        None, description="your own class images, which are used first; if they are too few, more are drawn"
    )
    negative_prompt: str = Field("", description="negative prompt of the class images")
    guidance_scale: GuidanceScale = Field(3.0, description="CFG scale; moderate, to avoid oversaturated images")
    num_inference_steps: SamplingSteps = Field(20, description="sampling steps")


class Concept(Section):
    """One subject or style to teach."""

    instance_images: LocalPath = Field(description="folder of photos, relative to the experiment file")
    instance_token: str = Field(min_length=1, description="rare word that will stand for the subject")
    class_token: str = Field(min_length=1, description="noun for the subject's class: man, dog, style")
    captions: Literal["hybrid", "fine_tuning"] = Field(
        "hybrid",
        description="what [filewords] becomes: hybrid puts the subject before the caption's class word, fine_tuning"
        " takes the caption as it is",
    )
    instance_prompt: str = Field(
        min_length=1, description="prompt that every photo is trained with; [filewords] is the caption beside the photo"
    )
    class_prompt: str = Field(
        min_length=1, description="prompt of the class images; [filewords] is a photo's caption without the subject"
    )
    prior_prompt: str | None = Field(
        None, description="prompt that draws the class at every checkpoint; null: class_prompt without captions"
    )
    sample_prompt: str | None = Field(
        None, description="prompt that draws the subject at every checkpoint; null: instance_prompt without captions"
    )
    sanity_prompts: tuple[str, ...] = Field(
        min_length=1,
        description="the subject in another artist's style or, if you teach a style, things in it that none of your"
        " pictures shows; overtraining shows here first",
    )
    class_images: ClassImages = ClassImages()
    repeats: Count = Field(1, description="how often each photo is trained per epoch, as in kohya's scripts")
    validation_images: LocalPath | None = Field(
        None,
        description="folder of photos that are never trained; they show how well the model knows the subject beyond the"
        " trained photos",
    )
    validation_photos: CountOrNone = Field(
        0, description="number of photos of instance_images that are held out in the same way, spread evenly by name"
    )

    @property
    def has_held_out(self) -> bool:
        """Whether some photos are only looked at."""
        return self.validation_images is not None or self.validation_photos > 0

    @property
    def reads_captions(self) -> bool:
        """Whether a prompt asks for the files beside the images."""
        prompts = (self.instance_prompt, self.class_prompt, self.sample_prompt or "", *self.sanity_prompts)
        return any(FILEWORDS in prompt for prompt in prompts)

    @model_validator(mode="after")
    def _other_folders_hold_other_images(self) -> Concept:
        problems = Problems()
        others = {("class_images", "folder"): self.class_images.folder, ("validation_images",): self.validation_images}
        for at, folder in others.items():
            if folder == self.instance_images:
                message = f"must not be the folder of instance_images, which are trained as the subject, got '{folder}'"
                problems.add(at, message)
        problems.refuse("concept")
        return self

    @field_validator("instance_token", "class_token", "class_prompt", "prior_prompt")
    @classmethod
    def _words_are_there(cls, words: str | None, info: ValidationInfo) -> str | None:
        if words is not None and not words.strip():
            raise ValueError(f"must have words, got {words!r}")
        if info.field_name == "class_token" and words == info.data.get("instance_token"):
            raise ValueError(f"must be the noun for the class and not instance_token, got {words!r} for both")
        return words

    @field_validator("class_token")
    @classmethod
    def _noun_and_token_are_apart(cls, noun: str, info: ValidationInfo) -> str:
        token = info.data.get("instance_token", "")
        if f" {noun} ".lower() in f" {token} ".lower():
            # A caption's "a man" would be trained as "ohwx man man".
            raise ValueError(f"must not be part of instance_token, got {noun!r} in {token!r}: leave it out there")
        if token.strip() and contains_words(noun, token):  # kohya's class_tokens hold both
            raise ValueError(f"must be the noun alone, got {noun!r} with the instance token {token!r}: leave it out")
        return noun

    @field_validator("instance_prompt", "class_prompt", "sample_prompt", "sanity_prompts")
    @classmethod
    def _filewords_are_spelled_so(cls, given: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for prompt in given if isinstance(given, tuple) else (given or "",):
            nearly = _NEARLY_FILEWORDS.search(prompt.replace(FILEWORDS, ""))
            if nearly is not None:
                raise ValueError(f"must be spelled {FILEWORDS} where captions are meant, got {nearly.group()!r}")
        return given

    @field_validator("instance_prompt", "sample_prompt", "sanity_prompts")
    @classmethod
    def _prompts_name_the_subject(
        cls, given: str | tuple[str, ...] | None, info: ValidationInfo
    ) -> str | tuple[str, ...] | None:
        token, problems = info.data.get("instance_token"), Problems()
        prompts = given if isinstance(given, tuple) else () if given is None else (given,)
        for index, prompt in enumerate(prompts):
            if token is not None and not contains_words(prompt, token) and FILEWORDS not in prompt:
                at = () if isinstance(given, str) else (index,)
                problems.add(at, f"must contain the instance token {token!r} as a word, got {prompt!r}")
        problems.refuse("prompt")
        return given

    @field_validator("sanity_prompts")
    @classmethod
    def _sanity_prompts_add_a_style(cls, prompts: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if info.data.get("instance_prompt") in prompts:
            raise ValueError("must add a style to instance_prompt, got the same prompt")
        if len(set(prompts)) < len(prompts):
            raise ValueError("must differ: pictures that count twice make scores look surer than they are")
        return prompts

    @field_validator("class_prompt", "prior_prompt")
    @classmethod
    def _class_prompts_leave_the_subject_out(cls, prompt: str | None, info: ValidationInfo) -> str | None:
        token = info.data.get("instance_token")
        if prompt is not None and token is not None and contains_words(prompt, token):
            raise ValueError(f"must not contain the instance token {token!r}, got {prompt!r}")
        return prompt

    @field_validator("prior_prompt")
    @classmethod
    def _prior_prompt_is_drawn_as_it_is(cls, prompt: str | None) -> str | None:
        if prompt is not None and FILEWORDS in prompt:
            raise ValueError(f"must be the same at every checkpoint: {FILEWORDS} cannot be part of it, got {prompt!r}")
        return prompt

    @field_validator("instance_prompt")
    @classmethod
    def _fine_tuning_reads_captions(cls, prompt: str, info: ValidationInfo) -> str:
        if info.data.get("captions") == "fine_tuning" and FILEWORDS not in prompt:
            raise ValueError(f"must contain {FILEWORDS} where captions is fine_tuning, got {prompt!r}")
        return prompt
