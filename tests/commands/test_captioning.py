"""`dbsweep caption`: what its options ask for, and what it says when captions are written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dbsweep.captioning.telling import Telling
from dbsweep.captioning.wording import Wording, parse_replacements
from dbsweep.sweep.captioning import Asked, Captioned

PHOTO = Path("photos/1.png")


class Room:
    """The sweep's room, which captions nothing: what it was asked, and what it says that it has done."""

    def __init__(self) -> None:
        self.calls: list[tuple[Sequence[Path], str, Asked, int]] = []
        self.done = Captioned({PHOTO: "a man"}, 0, (), ())

    def caption(self, folders: Sequence[Path], model: str, asked: Asked, **options: Any) -> Captioned:
        self.calls.append((folders, model, asked, options["batch_size"]))
        return self.done


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    room = Room()
    monkeypatch.setattr("dbsweep.sweep.captioning.caption_folders", room.caption)
    return room


def test_what_is_not_said_is_what_the_room_has(dbsweep, room: Room) -> None:
    assert dbsweep("caption", "photos", "men", "--model", "owner/git")[0] == 0
    assert room.calls == [([Path("photos"), Path("men")], "owner/git", Asked(), 8)]


def test_every_option_reaches_its_setting(dbsweep, room: Room) -> None:
    telling = ("--max-tokens", 20, "--beams", 3, "--prompt", "a photo of", "--threshold", 0, "--character-threshold", 1)
    wording = ("--prefix", "ohwx, ", "--suffix", ".", "--replace", "1boy=man", "--replace", "solo=")
    more = ("--if-there", "append", "--class-word", "man", "--batch", 2)
    assert dbsweep("caption", "photos", "--model", "git", *telling, *wording, *more)[0] == 0
    asked = Asked(
        Telling(20, 3, "a photo of", 0.0, 1.0),
        Wording("ohwx, ", ".", parse_replacements(["1boy=man", "solo="])),
        "append",
        "man",
    )
    assert room.calls == [([Path("photos")], "git", asked, 2)]


def test_captions_are_the_answer_and_all_else_is_said_beside_it(dbsweep, room: Room) -> None:
    room.done = Captioned({PHOTO: "a man"}, 1200, (), ("1 caption is without the class word",))
    assert dbsweep("caption", "photos", "--model", "git") == (
        0,
        "photos/1.png: a man\n",
        "1 caption written, 1,200 there already\n1 caption is without the class word\n",
    )


@pytest.mark.parametrize(
    ("unreadable", "fix"),
    [(("a.png is empty",), "a.png is empty: replace or remove it"), (("a", "b"), "a; b: replace or remove them")],
)
def test_photos_that_cannot_be_read_are_the_last_word_and_end_with_2(
    dbsweep, room: Room, unreadable: tuple[str, ...], fix: str
) -> None:
    room.done = Captioned({PHOTO: "a man"}, 0, unreadable, ())
    code, out, err = dbsweep("caption", "photos", "--model", "git")
    assert (code, out) == (2, "photos/1.png: a man\n")
    assert err.splitlines() == ["1 caption written", f"dbsweep: {fix}"]


@pytest.mark.parametrize(
    "words", [("--beams", 0), ("--max-tokens", 401), ("--threshold", 1.5), ("--if-there", "drop"), ("--batch-size", 0)]
)
def test_what_lies_out_of_bounds_is_refused_by_its_name(dbsweep, room: Room, words: tuple[str, object]) -> None:
    code, out, err = dbsweep("caption", "photos", "--model", "git", *words)
    assert (code, out, room.calls) == (2, "", [])
    assert words[0] in err
