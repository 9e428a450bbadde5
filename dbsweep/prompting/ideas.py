"""Ideas for a prompt: distinct ones, as many as are asked for or as the model has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from dbsweep.errors import ResourceError
from dbsweep.models.batches import in_batches
from dbsweep.prompting.chances import chance
from dbsweep.prompting.clip_tokens import count_tokens, room_behind
from dbsweep.prompting.language_model import LanguageModel, Said
from dbsweep.prompting.scripts import begins_anew
from dbsweep.prompting.settings import IdeaSettings
from dbsweep.prompting.wording import fitting, tidy
from dbsweep.sampling.grammar import plain_text

_AT_ONCE = 10
"""Attempts that the model makes together; fewer where memory is short."""

_ATTEMPTS = 5
"""For each idea that is asked for; a model that then has not enough repeats itself."""

_IN_VAIN = 20
"""Attempts in a row without anything new, after which the next is not likely to be new either."""


def find_ideas(
    model: LanguageModel, prompt: str, settings: IdeaSettings, progress: Callable[[int], None]
) -> tuple[str, ...]:
    """A prompt with what a model says behind it: distinct ones, in the order of the attempts.

    With a larger `count` the same ones come first.

    Args:
        prompt: as `dbsweep.prompting.wording.as_prompt` gives it; the model reads its words without grammar, and each
            idea begins with it as it is.
        progress: called with how many have been found.

    Returns:
        As many as are asked for; fewer where the model says nothing new any more.

    Raises:
        InputError: the prompt has as many tokens as are allowed already.
        ResourceError: there is no memory for one.
    """
    room = room_behind(prompt, settings.max_tokens)
    words = plain_text(prompt)

    def say(attempts: Sequence[int]) -> list[Said]:
        return model.say(words, [chance(settings.seed, attempt) for attempt in attempts], room, settings)

    found: dict[str, str] = {}
    in_vain = 0
    for said in _attempts(say, settings.count):
        idea, before = _idea(prompt, said, settings.max_tokens), len(found)
        if idea is not None:
            found.setdefault(idea.casefold(), idea)
        progress(len(found))
        in_vain = in_vain + 1 if len(found) == before else 0
        if len(found) == settings.count or in_vain == _IN_VAIN:
            break
    return tuple(found.values())


def _idea(prompt: str, said: Said, most: int) -> str | None:
    """The prompt and what was said behind it; None where no words are left, or they only make its last word longer."""
    words = tidy(said.text)
    return fitting(prompt, words, most, count_tokens, is_whole=said.is_whole) if begins_anew(words) else None


def _attempts(say: Callable[[Sequence[int]], list[Said]], count: int) -> Iterator[Said]:
    for batch in in_batches(range(count * _ATTEMPTS), say, min(count, _AT_ONCE), _no_memory):
        yield from batch


def _no_memory() -> ResourceError:
    return ResourceError("out of memory for one idea; what helps: a smaller model, or another machine")
