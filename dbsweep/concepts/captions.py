"""Captions, and the prompts that `[filewords]` makes of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dbsweep.concepts.caption_files import caption_place, read_file
from dbsweep.concepts.photo_sets import training_photos
from dbsweep.config.concept import FILEWORDS, Concept, contains_words
from dbsweep.config.messages import counted
from dbsweep.errors import InputError

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Caption:
    """The prompt of one image.

    Attributes:
        template: the prompt, in which `[filewords]` stands for the words.
        words: of the image's caption file; empty where the template does not ask for them.
        token, noun: the subject that the words have to name ("ohwx", "man"), or None to take them as they are.
    """

    template: str
    words: str = ""
    token: str | None = None
    noun: str = ""

    def text(self, words: str | None = None) -> str:
        """The prompt, with other words than its own (shuffled ones, say) where they are given."""
        text = self.template.replace(FILEWORDS, self.words if words is None else words)
        return text if self.token is None else name_subject(text, self.token, self.noun)


def name_subject(text: str, token: str, noun: str) -> str:
    """Puts the token before the class noun, in place of its article: "a man, smiling" → "ohwx man, smiling".

    Without the noun both go to the front; a text that has the token stays as it is. D8ahazard's DreamBooth extension
    does so too.
    """
    if contains_words(text, token):
        return text
    noun_in_text = rf"(?<!\w)(?:(?:an?|the)\s+)?({re.escape(noun)})(?!\w)"
    named, found = re.subn(noun_in_text, lambda match: f"{token} {match.group(1)}", text, count=1, flags=re.IGNORECASE)
    return named if found else f"{token} {noun}, {text}".removesuffix(", ")


def leave_subject_out(text: str, token: str, noun: str) -> str:
    """The text of a class image: without the token, with the class noun."""
    has_noun = contains_words(text, noun)
    text = re.sub(rf"(?<!\w){re.escape(token)}(?!\w)", "" if has_noun else noun, text, flags=re.IGNORECASE)
    text = tidy(text)
    return text if contains_words(text, noun) else f"{noun}, {text}".removesuffix(", ")


def tidy(text: str) -> str:
    """A text from which words were taken, without the commas and spaces that they left."""
    return re.sub(r"\s+", " ", re.sub(r"(\s*,)+", ",", text)).strip(" ,")


def read_caption(image: Path) -> str:
    """The text of an image's caption (`dbsweep.concepts.caption_files`), in one line.

    Raises:
        InputError: there is none, or it is empty or no UTF-8 text.
    """
    words = " ".join(read_file(image).split())
    if not words:
        raise InputError(
            f"caption {caption_place(image)} is empty: describe the image in it, or take {FILEWORDS} out of the prompt"
        )
    return words


def read_captions(images: Iterable[Path]) -> tuple[str, ...]:
    """The texts of several images.

    Raises:
        InputError: of the first ones that `read_caption` refuses, and how many more there are.
    """
    words: list[str] = []
    told: dict[str, None] = {}  # each once: one file may be for all
    for image in images:
        try:
            words.append(read_caption(image))
        except InputError as error:
            told[str(error)] = None
    if told:
        faults = list(told)
        more = len(faults) - _NAMED
        rest = [f"and {counted(more, 'more caption')} like these"] if more > 0 else []
        raise InputError("; ".join([*faults[:_NAMED], *rest]))
    return tuple(words)


def instance_captions(concept: Concept, photos: Sequence[Path]) -> tuple[Caption, ...]:
    """The caption of each of some photos of the concept."""
    template = concept.instance_prompt
    if FILEWORDS not in template:
        return (Caption(template),) * len(photos)
    token = concept.instance_token if concept.captions == "hybrid" else None
    return tuple(Caption(template, words, token, concept.class_token) for words in read_captions(photos))


def class_captions(concept: Concept, images: Sequence[Path]) -> tuple[Caption, ...]:
    """The caption of each class image: what it was drawn from, or the file beside the user's own."""
    template = concept.class_prompt
    if FILEWORDS not in template:
        return (Caption(template),) * len(images)
    # The caption is the whole prompt that the image was drawn from, or the user's description in its place.
    return tuple(map(Caption, read_captions(images)))


def class_prompts(concept: Concept, escape: Callable[[str], str] = str) -> tuple[str, ...]:
    """What class images show, one prompt after another: the captions of the photos without the subject.

    Args:
        escape: as in `as_drawn`; without it they are as training reads them.
    """
    template = concept.class_prompt
    if FILEWORDS not in template:
        return (template,)
    texts = (template.replace(FILEWORDS, escape(words)) for words in read_captions(training_photos(concept)))
    return tuple(leave_subject_out(text, concept.instance_token, concept.class_token) for text in texts)


def subject_prompt(concept: Concept) -> str:
    """The instance prompt as it is drawn without captions: "[filewords], ohwx style" as "ohwx style"."""
    token = concept.instance_token
    return _without_captions(concept.instance_prompt, token, f"{token} {concept.class_token}")


def as_drawn(concept: Concept, escape: Callable[[str], str]) -> Concept:
    """The concept with prompts that can be drawn: `[filewords]` of prompt i is the caption of photo i.

    An instance or class prompt of captions is drawn without them, the same at every checkpoint: "[filewords], ohwx
    style" as "ohwx style", and where it does not name the subject or its class, "[filewords]", as "photo of" it;
    `sample_prompt` says it better.

    Args:
        escape: a caption as it stands in a prompt; in training its brackets are no weights either.
    """
    token, noun = concept.instance_token, concept.class_token
    subject = token if concept.captions == "hybrid" else None

    def filled(index: int, prompt: str) -> str:
        if FILEWORDS not in prompt:
            return prompt
        photos = training_photos(concept)
        return Caption(prompt, escape(read_caption(photos[index % len(photos)])), subject, noun).text()

    instance = subject_prompt(concept) if concept.sample_prompt is None else concept.sample_prompt
    return concept.model_copy(
        update={
            "instance_prompt": filled(0, instance),
            "class_prompt": _without_captions(concept.class_prompt, noun, noun),
            "sanity_prompts": tuple(filled(index, prompt) for index, prompt in enumerate(concept.sanity_prompts)),
        }
    )


def _without_captions(prompt: str, named: str, subject: str) -> str:
    if FILEWORDS not in prompt:
        return prompt
    # "drawing of [filewords] in ohwx style" loses the "of" too
    left = tidy(re.sub(rf"(?:\bof\s+)?{re.escape(FILEWORDS)}", "", prompt))
    return left if contains_words(prompt, named) else f"photo of {subject}"
