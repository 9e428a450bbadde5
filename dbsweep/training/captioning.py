"""Which words of its caption an image trains with at a use, decided by its counters alone."""

from __future__ import annotations

from dataclasses import dataclass

from dbsweep.concepts.captions import Caption
from dbsweep.training.noise import Counters
from dbsweep.training.randomness import Purpose, generator


@dataclass(frozen=True, slots=True)
class CaptionSource:
    """Draws the prompt of an image.

    Attributes:
        dropout: share of uses with an empty prompt (Ho & Salimans 2022, "Classifier-free diffusion guidance").
        shuffle_tags: the words of a caption file between commas change places.
        tag_dropout: share of them that are left out.
        keep_tags: so many of the first ones stay where they are.
    """

    seed: int
    dropout: float = 0.0
    shuffle_tags: bool = False
    tag_dropout: float = 0.0
    keep_tags: int = 0

    def text(self, caption: Caption, counters: Counters) -> str:
        """The prompt at a use."""
        if self.dropout > 0.0 and generator(self.seed, Purpose.CAPTION, *counters).random() < self.dropout:
            return ""
        if not caption.words or not (self.shuffle_tags or self.tag_dropout > 0.0):
            return caption.text()
        return caption.text(self._words(caption.words, counters))

    def _words(self, words: str, counters: Counters) -> str:
        draws = generator(self.seed, Purpose.TAGS, *counters)
        tags = [tag.strip() for tag in words.split(",")]
        kept, free = tags[: self.keep_tags], tags[self.keep_tags :]
        if self.shuffle_tags:
            free = [free[place] for place in draws.permutation(len(free))]
        if self.tag_dropout > 0.0:
            stays = draws.random(len(free)) >= self.tag_dropout
            free = [tag for tag, stay in zip(free, stays, strict=True) if stay]
        return ", ".join([*kept, *free])
