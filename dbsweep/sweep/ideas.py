"""Ideas for prompts by a language model, printed or in a file that is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dbsweep.concepts.files import write_whole
from dbsweep.config.messages import counted
from dbsweep.errors import InputError
from dbsweep.models.places import make_folder, refusing
from dbsweep.prompting.model_files import find_language_model
from dbsweep.prompting.settings import IdeaSettings
from dbsweep.prompting.wording import as_prompt
from dbsweep.sampling.grammar import plain_text
from dbsweep.sampling.prompt_files import prompt_line, read_prompts
from dbsweep.sampling.settings import DrawSettings


@dataclass(frozen=True)
class Asked:
    """What a person asks of ideas.

    Attributes:
        prompts: each gets ideas of its own.
        files: of prompts (`dbsweep.sampling.prompt_files`), without settings.
        settings: of all of them.
        out: a file that does not exist yet; None for none.
    """

    prompts: Sequence[str] = ()
    files: Sequence[Path] = ()
    settings: IdeaSettings = field(default_factory=IdeaSettings)
    out: Path | None = None


def find_all_ideas(
    model: str,
    tokenizer: str | None,
    asked: Asked,
    *,
    note: Callable[[str], None],
    progress: Callable[[int, int], None],
) -> tuple[str, ...]:
    """Ideas for each prompt, in order, each once; the file is written when all are there.

    Args:
        model, tokenizer: as `dbsweep.prompting.model_files.find_language_model` takes them.
        note: told what is going on, one line at a time.
        progress: called with how many are found, and how many are asked for.

    Raises:
        InputError: there is no prompt, one is empty, or has no room for more; the file is there already; or the model
            has no idea.
        RunError, DiskError: the file cannot be written, or no space is left.
        ModelError: the model is none that goes on with texts, or cannot be loaded.
        ResourceError: there is no memory for one idea.
    """
    prompts = list(dict.fromkeys(_prompts(asked)))
    if not prompts:
        raise InputError("there is no prompt to go on with: give one, or a file of them by --prompts")
    if asked.out is not None:
        _refuse_there(asked.out)
        make_folder(asked.out.parent)  # before the model is fetched and loaded
    found = find_language_model(model, tokenizer)
    from dbsweep.prompting.clip_tokens import room_behind

    for prompt in prompts:  # all of them, before the first is gone on with
        room_behind(prompt, asked.settings.max_tokens)
    note(f"Loading {model}")
    from dbsweep.execution.loaded import device
    from dbsweep.prompting.ideas import find_ideas
    from dbsweep.prompting.language_model import load_language_model

    loaded, total = load_language_model(found, device()), len(prompts) * asked.settings.count
    ideas: list[str] = []
    progress(0, total)
    for place, prompt in enumerate(prompts):

        def tell(done: int, before: int = place * asked.settings.count) -> None:
            progress(before + done, total)

        new = find_ideas(loaded, prompt, asked.settings, tell)
        _tell_few(prompt, len(new), asked.settings, note)
        ideas += new
    if not ideas:
        raise InputError(f"{model} goes on with no words that could be kept: raise --max-tokens, or take another model")
    distinct = tuple(dict.fromkeys(ideas))
    if asked.out is not None:
        _write(distinct, asked.out)
    return distinct


def _prompts(asked: Asked) -> Iterator[str]:
    """The prompts in order, each in one line; InputError for one that cannot be gone on with."""
    given = [(prompt, "PROMPT") for prompt in asked.prompts]
    for file in asked.files:
        for each in read_prompts(file):
            if each.settings != DrawSettings():
                raise InputError(
                    f"{each.place}: has other flags than --prompt, which ideas do not have; leave them out"
                )
            given.append((each.prompt, each.place))
    for prompt, place in given:
        try:
            prompt.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"{place}: {prompt!r} is not UTF-8: type it anew") from error
        if not plain_text(prompt):
            raise InputError(f"{place}: {prompt!r} is empty; say what an idea should begin with")
        yield as_prompt(prompt)


def _refuse_there(out: Path) -> None:
    """InputError if there is something where the file should be written."""
    if out.is_dir():
        raise InputError(f"--out {out}: is a folder; name a file in it, such as {out / 'ideas.txt'}")
    if out.exists():
        raise InputError(f"--out {out}: is there already, and nothing is overwritten; name another file, or remove it")


def _tell_few(prompt: str, found: int, settings: IdeaSettings, note: Callable[[str], None]) -> None:
    if found < settings.count:
        note(
            f"{counted(found, 'idea')} and not {settings.count:,} for {prompt!r}: the model says nothing new any more"
            " at these settings; raise --temperature or --top-k, or take another --seed"
        )


def _write(ideas: Sequence[str], out: Path) -> None:
    _refuse_there(out)  # once more: finding them took its time
    with refusing(out):
        write_whole(out, "".join(f"{prompt_line(idea)}\n" for idea in ideas).encode())
