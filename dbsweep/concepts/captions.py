"""Captions: text files beside photos, and the prompts that `[filewords]` makes of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dbsweep.concepts.photo_sets import held_out_photos, training_photos
from dbsweep.concepts.photos import list_photos
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
    text = re.sub(r"\s+", " ", re.sub(r"(\s*,)+", ",", text)).strip(" ,")
    return text if contains_words(text, noun) else f"{noun}, {text}".removesuffix(", ")


def read_caption(image: Path) -> str:
    """The text of the `.txt` file beside an image, in one line.

    Raises:
        InputError: there is none, or it is empty or no UTF-8 text.
    """
    path = image.with_suffix(".txt")
    try:
        words = " ".join(path.read_text(encoding="utf-8-sig").split())
    except FileNotFoundError as error:
        kohyas = image.with_suffix(".caption")
        fix = f"rename {kohyas.name} to {path.name}" if kohyas.is_file() else f"describe it in {path.name} beside it"
        raise InputError(f"{image} has no caption: {fix}, or take {FILEWORDS} out of the prompt") from error
    except OSError as error:
        raise InputError(
            f"caption {path} cannot be read ({error.strerror}): make it a file that you may read"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"caption {path} is not UTF-8 text: save it as UTF-8") from error
    if not words:
        raise InputError(f"caption {path} is empty: describe the image in it, or take {FILEWORDS} out of the prompt")
    return words


def read_captions(images: Iterable[Path]) -> tuple[str, ...]:
    """The texts of several images.

    Raises:
        InputError: of the first ones that `read_caption` refuses, and how many more there are.
    """
    words, faults = [], []
    for image in images:
        try:
            words.append(read_caption(image))
        except InputError as error:
            faults.append(str(error))
    if faults:
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
    # The file has the whole prompt that the image was drawn from, or the user's description in its place.
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


def as_drawn(concept: Concept, escape: Callable[[str], str]) -> Concept:
    """The concept with prompts that can be drawn: `[filewords]` of prompt i is the caption of photo i.

    An instance or class prompt of captions is drawn as "photo of" the subject or its class, the same at every
    checkpoint; `sample_prompt` says it better.

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

    instance = concept.sample_prompt if concept.sample_prompt is not None else concept.instance_prompt
    if instance is concept.instance_prompt and FILEWORDS in instance:
        instance = f"photo of {token} {noun}"
    return concept.model_copy(
        update={
            "instance_prompt": filled(0, instance),
            "class_prompt": f"photo of {noun}" if FILEWORDS in concept.class_prompt else concept.class_prompt,
            "sanity_prompts": tuple(filled(index, prompt) for index, prompt in enumerate(concept.sanity_prompts)),
        }
    )


def caption_warnings(concept: Concept) -> tuple[str, ...]:
    """Captions that teach something else than their author may think; one sentence for each kind of fault.

    Raises:
        InputError: a caption of a photo is asked for and missing.
    """
    return (*_of_photos(concept), *_of_class_images(concept))


def _of_photos(concept: Concept) -> tuple[str, ...]:
    if FILEWORDS not in concept.instance_prompt:
        return _unread(concept)
    token, noun, is_hybrid = concept.instance_token, concept.class_token, concept.captions == "hybrid"
    photos = (*training_photos(concept), *held_out_photos(concept))
    words = dict(zip([photo.with_suffix(".txt").name for photo in photos], read_captions(photos), strict=True))
    lacking = [name for name, text in words.items() if not contains_words(text, noun)]
    holding = [name for name, text in words.items() if contains_words(text, token)]
    warnings = []
    if lacking:
        then = "the subject is put in front" if is_hybrid else "nothing ties them to it"
        warnings.append(f"{_some(lacking)} without the class word {noun!r}: {then}; better say what the photo shows")
    if holding and is_hybrid:
        warnings.append(
            f"{_some(holding)} with the token {token!r}: leave it out, it is put before the class word; or set"
            " captions: fine_tuning, which takes all as they are"
        )
    if not holding and not is_hybrid:
        warnings.append(f"no caption has the token {token!r}, and fine_tuning adds none: prompts with it mean nothing")
    return tuple(warnings)


def _of_class_images(concept: Concept) -> Iterator[str]:
    """Of the user's own; what is missing of those that train is an error elsewhere."""
    folder, token, noun = concept.class_images.folder, concept.instance_token, concept.class_token
    if folder is None or FILEWORDS not in concept.class_prompt:
        return
    words = {}
    for image in list_photos(folder):
        with suppress(InputError):
            words[image.with_suffix(".txt").name] = read_caption(image)
    if holding := [name for name, text in words.items() if contains_words(text, token)]:
        yield (
            f"class images: {_some(holding)} with the token {token!r}, by which they are trained as the subject;"
            " leave it out there"
        )
    if lacking := [name for name, text in words.items() if not contains_words(text, noun)]:
        yield f"class images: {_some(lacking)} without the class word {noun!r}, which they should keep as it is; add it"


def _unread(concept: Concept) -> tuple[str, ...]:
    """That caption files lie beside the photos, where nothing reads them; kohya's scripts would, unasked."""
    beside = [path.name for photo in training_photos(concept) if (path := photo.with_suffix(".txt")).is_file()]
    if not beside or concept.reads_captions:
        return ()
    are, they = ("is", "it") if len(beside) == 1 else ("are", "they")
    return (f"{_some(beside)} {are} not read: put {FILEWORDS} into instance_prompt if {they} should be",)


def _some(names: Sequence[str]) -> str:
    """``1 caption (a.txt)``, ``5 captions (a.txt, b.txt, c.txt, …)``."""
    shown = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    return f"{counted(len(names), 'caption')} ({shown})"
