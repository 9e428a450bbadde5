"""Captions of photos by a captioner or a tagger, in the files beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dbsweep.captioning.model_files import find_captioner
from dbsweep.captioning.telling import TagSettings, Telling
from dbsweep.captioning.wording import IfThere, Wording, beside
from dbsweep.concepts.caption_files import find_text
from dbsweep.concepts.caption_warnings import folder_warnings
from dbsweep.concepts.files import write_whole
from dbsweep.concepts.photos import list_photos
from dbsweep.config.messages import counted, first_of
from dbsweep.errors import InputError
from dbsweep.models.places import refusing

# torch takes seconds to import: after the checks.
if TYPE_CHECKING:
    from dbsweep.captioning.captioner import Captioner
    from dbsweep.captioning.looking import Seen


@dataclass(frozen=True)
class Asked:
    """What a person asks of captions.

    Attributes:
        telling: how the model tells what it sees.
        wording: what is made of its words.
        if_there: what becomes of captions that are there.
        class_word: what each should have; None where nobody has said it.
    """

    telling: Telling = field(default_factory=Telling)
    wording: Wording = field(default_factory=Wording)
    if_there: IfThere = "skip"
    class_word: str | None = None


@dataclass(frozen=True, slots=True)
class Captioned:
    """What was done.

    Attributes:
        captions: the new text of each photo whose caption was written or changed.
        there: photos whose captions stayed as they were.
        unreadable: which photos could not be read, and why.
        warnings: of photos without words, and of the captions that are there now; a sentence each.
    """

    captions: dict[Path, str]
    there: int
    unreadable: tuple[str, ...]
    warnings: tuple[str, ...]


def caption_folders(
    folders: Sequence[Path],
    model: str,
    asked: Asked,
    *,
    batch_size: int,
    note: Callable[[str], None],
    progress: Callable[[int, int], None],
) -> Captioned:
    """Writes captions beside the photos of folders, each file whole; those that are there are kept unless asked.

    Args:
        model: see `dbsweep.captioning.model_files.find_captioner`; is not loaded where nothing is left to do.
        batch_size: photos looked at at once, as long as there is memory for them.
        note: told what is going on, one line at a time.
        progress: called with how many photos are done, and how many there are to do.

    Raises:
        InputError: a folder has no photos, two of them would share a caption, or one that is there cannot be read.
        ModelError: the model is no captioner, or cannot be loaded.
        RunError, DiskError: a caption cannot be written; those before it are whole.
        ResourceError: there is no memory for one photo.
    """
    photos = [photo for folder in dict.fromkeys(folders) for photo in list_photos(folder)]
    there = {photo: _text(photo, asked.if_there) for photo in photos}
    todo = [photo for photo in photos if asked.if_there != "skip" or not there[photo]]
    _refuse_shared(todo)
    captions: dict[Path, str] = {}
    wordless: list[str] = []
    unreadable: list[str] = []
    for seen, are_tags in _look_at(todo, model, asked, batch_size, note, progress):
        said = asked.wording.caption(seen.words, are_tags=are_tags)
        text = beside(there[seen.photo], said, asked.if_there, are_tags=are_tags)
        if seen.fault is not None:
            unreadable.append(seen.fault)
        elif not said:
            wordless.append(seen.photo.name)
        elif text != there[seen.photo]:
            _write(seen.photo.with_suffix(".txt"), text)
            captions[seen.photo] = text
    stayed = len(photos) - len(captions) - len(wordless) - len(unreadable)
    warnings = (*_of_wordless(wordless), *folder_warnings(photos, asked.class_word))
    return Captioned(captions, stayed, tuple(unreadable), warnings)


def _look_at(
    photos: Sequence[Path],
    model: str,
    asked: Asked,
    batch_size: int,
    note: Callable[[str], None],
    progress: Callable[[int, int], None],
) -> Iterator[tuple[Seen, bool]]:
    """What the model says of each photo, and whether that is tags; is told of as done once the next is asked for."""
    if not photos:
        return
    captioner, done = _load(model, asked.telling, note), 0
    from dbsweep.captioning.looking import look_at

    progress(done, len(photos))
    for batch in look_at(captioner, photos, batch_size):
        yield from ((seen, captioner.says_tags) for seen in batch)
        done += len(batch)
        progress(done, len(photos))


def _write(path: Path, text: str) -> None:
    with refusing(path, "captions lie beside photos; make their folder writable, or caption a copy of it"):
        write_whole(path, f"{text}\n".encode())


def _of_wordless(names: Sequence[str]) -> Iterator[str]:
    if names:
        yield (
            f"the model says nothing of {counted(len(names), 'photo')} ({first_of(names)}): lower --threshold where it"
            " is a tagger, or write the captions yourself"
        )


def _text(photo: Path, if_there: IfThere) -> str:
    """The caption that a photo has, in one line; empty where it has none, or none that counts."""
    return "" if if_there == "overwrite" else " ".join((find_text(photo) or "").split())


def _refuse_shared(photos: Sequence[Path]) -> None:
    """InputError if two photos would have one file."""
    first: dict[Path, Path] = {}
    for photo in photos:
        other = first.setdefault(photo.with_suffix(".txt"), photo)
        if other is not photo:
            raise InputError(
                f"{other} and {photo.name} would have one caption, {other.with_suffix('.txt').name}: rename one"
            )


def _load(model: str, telling: Telling, note: Callable[[str], None]) -> Captioner:
    """The model on the device where it looks; what does not fit it is refused before it is loaded."""
    found = find_captioner(model)
    settings = telling.tags(model) if found.kind == "tagger" else telling.sentences(model)
    note(f"Loading {model}")
    from dbsweep.execution.loaded import device

    if isinstance(settings, TagSettings):
        from dbsweep.captioning.tagger import load_tagger

        return load_tagger(model, found.files(), settings, device())
    from dbsweep.captioning.sentences import load_sentence_captioner

    return load_sentence_captioner(model, found.kind, found.files(), settings, device())
