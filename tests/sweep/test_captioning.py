"""`dbsweep caption`: a file beside each photo, what is there kept, what is wrong told before a model is loaded."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dbsweep.captioning.sentences import SentenceCaptioner, load_sentence_captioner
from dbsweep.captioning.telling import SentenceSettings
from dbsweep.concepts.captions import read_caption
from dbsweep.concepts.photos import read_upright
from tests.captioning.tiny_captioners import write_git, write_tagger


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_git(tmp_path_factory.mktemp("git"))


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of whatever it sees it says: looking at viewer, 1boy, black hair."""
    sure = {"looking_at_viewer": 0.9, "1boy": 0.8, "black_hair": 0.5, "hair": 0.3}
    names = ("general", "sensitive", "questionable", "explicit", "1boy", "looking_at_viewer", "^_^", "black_hair")
    odds = [sure.get(name, 0.01) for name in (*names, "hair", "alexa_(amazon)", "robot_jones")]
    return write_tagger(tmp_path_factory.mktemp("tagger"), tuple(math.log(p / (1 - p)) for p in odds))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Five of noise."""
    folder, rng = tmp_path / "photos", np.random.default_rng(0)
    folder.mkdir()
    for place in range(1, 6):
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(folder / f"{place}.png")
    return folder


@pytest.fixture
def caption(dbsweep, photos: Path, git: Path) -> Callable[..., tuple[str, str]]:
    """(stdout, stderr) of `dbsweep caption PHOTOS --model MODEL WORDS`, in unbroken lines."""

    def call(*words: str | Path, model: str | Path = git) -> tuple[str, str]:
        code, out, err = dbsweep("caption", photos, "--model", model, *words)
        assert code == 0, err
        return out, err

    return call


@pytest.fixture
def refused(dbsweep, photos: Path, git: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The message that refuses `dbsweep caption WORDS`; nothing is loaded or written."""

    def call(*words: str | Path) -> str:
        before = listing(photos)
        with monkeypatch.context() as patch:
            patch.setattr("dbsweep.execution.loaded.device", lambda: pytest.fail("loaded"))
            code, out, err = dbsweep("caption", *words)
        assert (code, out) == (2, "")
        assert "Traceback" not in err
        assert listing(photos) == before
        return " ".join(err.split())

    return call


def listing(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def texts(folder: Path) -> dict[str, str]:
    """The captions of a folder, as files."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.txt"))}


def sentences(git: Path, folder: Path, **settings: Any) -> list[str]:
    captioner = load_sentence_captioner("git", "git", git, SentenceSettings(**settings))
    pictures = [read_upright(path) for path in sorted(folder.glob("*.png"))]
    return [words for (words,) in captioner.describe(pictures)]


def test_each_photo_gets_the_sentence_of_the_model(caption, photos, git) -> None:
    out, err = caption("--batch-size", 2)
    expected = sentences(git, photos)
    assert texts(photos) == {f"{place}.txt": f"{words}\n" for place, words in enumerate(expected, 1)}
    assert out.splitlines() == [f"{photos}/{place}.png: {words}" for place, words in enumerate(expected, 1)]
    assert "5 captions written\n" in err
    assert [read_caption(photos / "1.png")] == expected[:1]  # as training reads it


def test_the_model_is_asked_as_the_person_wants(caption, photos, git) -> None:
    caption("--max-tokens", 3, "--beams", 2, "--prompt", "a photo of")
    expected = sentences(git, photos, max_tokens=3, beams=2, prompt="a photo of")
    assert [*texts(photos).values()] == [f"{words}\n" for words in expected]


def test_captions_that_are_there_are_kept_and_not_looked_at_again(caption, photos, monkeypatch) -> None:
    (photos / "2.txt").write_text("mine\n")
    (photos / "3.caption").write_text("kohya's\n")
    (photos / "metadata.jsonl").write_text(json.dumps({"file_name": "4.png", "text": "a face"}) + "\n")
    (photos / "5.txt").write_text("\n")  # says nothing
    _, err = caption()
    assert texts(photos).keys() == {"1.txt", "2.txt", "5.txt"}
    assert (texts(photos)["2.txt"], texts(photos)["5.txt"].strip() != "") == ("mine\n", True)
    assert "2 captions written, 3 there already\n" in err
    monkeypatch.setattr("dbsweep.captioning.sentences.load_sentence_captioner", lambda *_: pytest.fail("loaded"))
    out, err = caption()
    assert out == ""
    assert "0 captions written, 5 there already\n" in err


@pytest.mark.parametrize(
    ("if_there", "expected"),
    [
        ("skip", "mine, 1boy"),
        ("overwrite", "looking at viewer, 1boy, black hair"),
        ("append", "mine, 1boy, looking at viewer, black hair"),
        ("prepend", "looking at viewer, black hair, mine, 1boy"),
    ],
)
def test_what_becomes_of_a_caption_is_the_persons_choice(caption, photos, tagger, if_there, expected) -> None:
    (photos / "2.txt").write_text("mine,\n1boy\n")
    caption("--if-there", if_there, model=tagger)
    told = "mine,\n1boy\n" if if_there == "skip" else f"{expected}\n"
    assert texts(photos)["2.txt"] == told
    assert texts(photos)["1.txt"] == "looking at viewer, 1boy, black hair\n"
    before = listing(photos)
    caption("--if-there", if_there, model=tagger)  # the same command once more
    assert listing(photos) == before


def test_tags_by_threshold_with_other_words_and_more_around(caption, photos, tagger) -> None:
    caption(
        *("--threshold", 0.25, "--replace", "1boy=man", "--replace", "looking at viewer="),
        *("--prefix", "photo", "--suffix", "sea", "--class-word", "man"),
        model=tagger,
    )
    assert set(texts(photos).values()) == {"photo, man, black hair, hair, sea\n"}


def test_captions_without_the_class_word_are_told_of(caption, photos, tagger) -> None:
    for place, words in ((1, "a man"), (2, "a Man's face"), (3, "a woman")):
        (photos / f"{place}.txt").write_text(words)
    _, err = caption("--class-word", "man", model=tagger)
    assert (
        "3 captions (3.txt, 4.txt, 5.txt) without the class word 'man': the token with 'man' is put in front; better"
        " write man there, or make class_token the word that stands for it"
    ) in " ".join(err.split())
    _, err = caption("--class-word", "man", "--if-there", "prepend", "--prefix", "man", model=tagger)
    assert "class word" not in err


def test_what_training_would_not_read_or_take_for_text_is_told(caption, photos) -> None:
    (photos / "1.caption").write_text("something else")
    (photos / "2.txt").write_text("a (man:1.2)")
    _, err = caption("--if-there", "skip")
    assert "with notation such as '(man:1.2)'" in err
    assert not (photos / "1.txt").exists()  # it has a caption
    _, err = caption("--if-there", "overwrite")
    assert "1 caption (1.caption) is not read, because 1.txt is and says something else" in err


def test_several_folders_are_captioned_by_one_model(dbsweep, caption, photos, git, tmp_path) -> None:
    others = tmp_path / "class images"
    shutil.copytree(photos, others)
    out, err = caption(others, photos)
    assert texts(photos) == texts(others)
    assert len(out.splitlines()) == 10
    assert err.count("Loading") == 1


def test_a_photo_that_cannot_be_read_is_told_last_and_keeps_no_other(dbsweep, photos, git) -> None:
    (photos / "2.png").write_bytes(b"")
    code, out, err = dbsweep("caption", photos, "--model", git, "--batch-size", 2)
    assert code == 2
    assert texts(photos).keys() == {"1.txt", "3.txt", "4.txt", "5.txt"}
    assert len(out.splitlines()) == 4
    assert f"dbsweep: photo {photos}/2.png cannot be read (an empty file): replace or remove it\n" in err


def test_a_photo_of_which_nothing_is_said_gets_no_empty_file(caption, photos, tagger) -> None:
    _, err = caption("--threshold", 0.95, model=tagger)
    assert texts(photos) == {}
    assert "0 captions written\n" in err
    assert "the model says nothing of 5 photos (1.png, 2.png, 3.png, …): lower --threshold" in " ".join(err.split())


def test_what_was_interrupted_goes_on(dbsweep, photos, git, monkeypatch) -> None:
    describe = SentenceCaptioner.describe

    def interrupted(self: SentenceCaptioner, images: Sequence[Image.Image]) -> list[tuple[str, ...]]:
        if texts(photos):
            raise KeyboardInterrupt
        return describe(self, images)

    with monkeypatch.context() as patch:
        patch.setattr(SentenceCaptioner, "describe", interrupted)
        code, out, err = dbsweep("caption", photos, "--model", git, "--batch-size", 2)
    assert (code, out) == (130, "")
    assert "Stopped: all captions are whole, and the same command goes on." in err
    assert texts(photos).keys() == {"1.txt", "2.txt"}
    assert "3 captions written, 2 there already" in dbsweep("caption", photos, "--model", git)[2]
    assert [*texts(photos).values()] == [f"{words}\n" for words in sentences(git, photos)]


def test_a_caption_is_never_half_written(dbsweep, photos, git, monkeypatch) -> None:
    (photos / "1.txt").write_text("mine\n")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    code, _, err = dbsweep("caption", photos, "--model", git, "--if-there", "overwrite")
    assert code == 2
    assert f"no space left for {photos}/1.txt" in err
    assert texts(photos) == {"1.txt": "mine\n"}
    assert len(list(photos.iterdir())) == 6


@pytest.mark.parametrize(
    ("number", "reason"), [(errno.EROFS, "Read-only file system"), (errno.EIO, "Input/output error")]
)
def test_a_folder_that_takes_no_captions_is_one_message(dbsweep, photos, git, monkeypatch, number, reason) -> None:
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(number, os.strerror(number))))
    code, out, err = dbsweep("caption", photos, "--model", git)
    assert (code, out) == (2, "")
    assert f"{photos}/1.txt cannot be written ({reason}): captions lie beside photos; make" in " ".join(err.split())
    assert len(list(photos.iterdir())) == 5


def test_what_cannot_be_captioned_is_told_before_anything_is_loaded(refused, photos, git, tagger, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    assert f"no photos in {tmp_path / 'empty'}" in refused(photos, tmp_path / "empty", "--model", git)
    assert "photo folder none does not exist" in refused("none", "--model", git)
    assert f"model {tmp_path / 'empty'}: the folder has no weights" in refused(photos, "--model", tmp_path / "empty")
    assert "model somebody/some: no such folder here, and not to be had" in refused(photos, "--model", "somebody/some")
    assert "--threshold 0.5: is for taggers, and" in refused(photos, "--model", git, "--threshold", 0.5)
    assert "--beams 2: is for models that say sentences" in refused(photos, "--model", tagger, "--beams", 2)
    assert "--replace '1boy' is not OLD=NEW" in refused(photos, "--model", git, "--replace", "1boy")
    assert "--threshold" in refused(photos, "--model", tagger, "--threshold", 1.5)
    assert "--max-tokens" in refused(photos, "--model", git, "--max-tokens", 0)
    assert "--model" in refused(photos)


def test_two_photos_of_one_name_would_share_a_caption(refused, caption, photos, git) -> None:
    shutil.copy(photos / "2.png", photos / "2.webp")
    assert f"{photos}/2.png and 2.webp would have one caption, 2.txt: rename one" in refused(photos, "--model", git)
    (photos / "2.txt").write_text("mine")
    caption()


def test_a_caption_in_another_encoding_is_not_taken_for_none(refused, photos, git) -> None:
    (photos / "2.txt").write_bytes("ein Mann für zwei".encode("latin-1"))
    assert f"caption {photos}/2.txt is not UTF-8 text" in refused(photos, "--model", git)
