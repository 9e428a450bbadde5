"""`dbsweep ideas`: prompts that begin with what is given, on stdout and in a new file that is drawn."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dbsweep.prompting.clip_tokens import count_tokens
from dbsweep.prompting.language_model import LanguageModel
from dbsweep.sampling.prompt_files import read_prompts
from dbsweep.sampling.settings import DrawSettings
from tests.prompting.tiny_language_models import write_gpt2

PROMPT = "photo of (ohwx man:1.2)"


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gpt2(tmp_path_factory.mktemp("gpt2"))


@pytest.fixture
def ideas(dbsweep, gpt2: Path) -> Callable[..., tuple[list[str], str]]:
    """(lines of stdout, stderr) of `dbsweep ideas --model MODEL WORDS`."""

    def call(*words: str | int | float | Path) -> tuple[list[str], str]:
        code, out, err = dbsweep("ideas", "--model", gpt2, "--top-k", 50, *words)
        assert code == 0, err
        return out.splitlines(), err

    return call


@pytest.fixture
def refused(dbsweep, gpt2: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The message that refuses `dbsweep ideas WORDS`; nothing is loaded."""

    def call(*words: str | int | float | Path, model: str | Path = gpt2) -> str:
        with monkeypatch.context() as patch:
            patch.setattr("dbsweep.execution.loaded.device", lambda: pytest.fail("loaded"))
            code, out, err = dbsweep("ideas", "--model", model, *words)
        assert (code, out) == (2, "")
        assert "Traceback" not in err
        return " ".join(err.split())

    return call


def test_ideas_begin_with_the_prompt_and_fit_in_clips_tokens(ideas) -> None:
    lines, err = ideas(PROMPT, "--count", 6)
    assert len(set(lines)) == len(lines) == 6
    assert all(line.startswith(PROMPT) and len(line) > len(PROMPT) for line in lines)
    assert not any(line[len(PROMPT)].isalnum() for line in lines)
    assert max(count_tokens(line) for line in lines) <= 75
    assert err.endswith("6 ideas\n")


def test_the_same_seed_has_the_same_ideas_and_more_of_them_on_demand(ideas) -> None:
    lines, _ = ideas(PROMPT, "--count", 3, "--max-tokens", 20)
    more, _ = ideas(PROMPT, "--count", 5, "--max-tokens", 20)
    assert more[:3] == lines
    assert max(count_tokens(line) for line in more) <= 20
    others, _ = ideas(PROMPT, "--count", 3, "--max-tokens", 20, "--seed", 1)
    assert others != lines


def test_a_file_is_what_draw_reads(ideas, tmp_path: Path) -> None:
    out, short = tmp_path / "new folder" / "ideas.txt", ("--count", 2, "--max-tokens", 16)
    lines, err = ideas(*short, "--out", out, "--", "--prompt of\n a man", "photo of a woman")
    asked = read_prompts(out)
    assert [each.prompt.strip() for each in asked] == lines
    assert {each.settings for each in asked} == {DrawSettings()}
    assert [line[:12] for line in lines] == ["--prompt of "] * 2 + ["photo of a w"] * 2
    assert f"4 ideas in {out}" in err


def test_each_prompt_of_a_file_has_ideas_of_its_own(ideas, tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("photo of ohwx man\n\n--prompt a robot\nphoto of ohwx man\n")
    lines, _ = ideas("a woman", "--prompts", file, "--count", 2, "--max-tokens", 16)
    begins = ["a woman"] * 2 + ["photo of ohwx man"] * 2 + ["a robot"] * 2
    assert [line.startswith(begin) for line, begin in zip(lines, begins, strict=True)] == [True] * 6


def test_a_model_that_has_no_more_ideas_is_told_of(dbsweep, gpt2) -> None:
    code, out, err = dbsweep("ideas", PROMPT, "--model", gpt2, "--top-k", 1, "--count", 4)
    assert (code, len(out.splitlines())) == (0, 1)
    assert f"1 idea and not 4 for '{PROMPT}': the model says nothing new any more at these settings; raise" in " ".join(
        err.split()
    )


def test_a_model_without_an_idea_is_an_error(dbsweep, gpt2, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(LanguageModel, "_text", lambda *_: "")
    code, out, err = dbsweep("ideas", PROMPT, "--model", gpt2, "--out", tmp_path / "ideas.txt")
    assert (code, out, [*tmp_path.iterdir()]) == (2, "", [])
    assert "goes on with no words that could be kept: raise --max-tokens" in " ".join(err.split())


def test_what_is_there_is_not_overwritten(ideas, refused, tmp_path, monkeypatch) -> None:
    out = tmp_path / "ideas.txt"
    out.write_text("mine\n")
    assert f"--out {out}: is there already, and nothing is overwritten; name" in refused(PROMPT, "--out", out)
    assert f"--out {tmp_path}: is a folder; name a file in it, such as" in refused(PROMPT, "--out", tmp_path)
    assert f"{out} cannot be a folder, for {out} is a file: give another" in refused(PROMPT, "--out", out / "more.txt")
    assert "/proc/no cannot be written (No such file" in refused(PROMPT, "--out", "/proc/no/ideas.txt")
    assert out.read_text() == "mine\n"


def test_a_file_that_comes_while_ideas_are_found_is_kept(dbsweep, gpt2, tmp_path, monkeypatch) -> None:
    out, say = tmp_path / "ideas.txt", LanguageModel.say

    def slow(*arguments: object) -> object:
        out.write_text("somebody's\n")
        return say(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(LanguageModel, "say", slow)
    code, _, err = dbsweep("ideas", PROMPT, "--model", gpt2, "--count", 1, "--out", out)
    assert (code, out.read_text()) == (2, "somebody's\n")
    assert "is there already" in err


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_nothing_is_half_written(dbsweep, gpt2, tmp_path, monkeypatch, ending: BaseException) -> None:
    def end(*_: object) -> None:
        raise ending

    monkeypatch.setattr(os, "replace", end)
    code, out, err = dbsweep("ideas", PROMPT, "--model", gpt2, "--count", 1, "--out", tmp_path / "ideas.txt")
    assert (out, [*tmp_path.iterdir()]) == ("", [])
    interrupted = isinstance(ending, KeyboardInterrupt)
    assert code == (130 if interrupted else 2)
    assert ("Stopped: nothing is written; the same command" if interrupted else "no space left for") in err


def test_what_cannot_be_gone_on_with_is_told_before_anything_is_loaded(refused, tmp_path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("photo\n--prompt a --steps 3\n")
    assert "there is no prompt to go on with: give one" in refused()
    assert "PROMPT: ' ' is empty; say what an idea should begin with" in refused("photo", " ")
    assert "PROMPT: '()' is empty" in refused("()")
    assert "is not UTF-8: type it anew" in refused("M\udcfcller")
    assert "prompts.txt line 2: has other flags than --prompt, which" in refused("--prompts", file)
    assert "no.txt: cannot be read" in refused("--prompts", tmp_path / "no.txt")
    assert "--count 0: must be at least 1" in refused(PROMPT, "--count", 0)
    assert "--temperature nan: must be more than 0" in refused(PROMPT, "--temperature", "nan")
    assert "--top-p 2.0: must be more than 0 and at most 1" in refused(PROMPT, "--top-p", 2)
    assert "--count" in refused(PROMPT, "--count", "many")
    (tmp_path / "empty").mkdir()
    assert f"model {tmp_path / 'empty'}: the folder has no weights" in refused(PROMPT, model=tmp_path / "empty")
    assert "model somebody/some: no such folder here, and not to be had" in refused(PROMPT, model="somebody/some")
    assert "tokenizer nothing: no such folder, and not a hub id" in refused(PROMPT, "--tokenizer", "nothing")


def test_a_prompt_without_room_behind_it_is_told_before_anything_is_loaded(refused) -> None:
    told = refused("photo", PROMPT, "--max-tokens", 4)
    assert f"'{PROMPT}' has 4 tokens, so --max-tokens 4 leaves no room behind it" in told
    assert len(refused("a hat " * 900)) < 300
