"""How a captioner tells what it sees: what a person says of it, and what that is for sentences and for tags."""

from __future__ import annotations

from dataclasses import dataclass

from dbsweep.config.unread import refuse_unread


@dataclass(frozen=True, slots=True)
class SentenceSettings:
    """Of a captioner.

    Attributes:
        max_tokens: the most of a sentence.
        beams: sentences that are followed in the search for the likeliest; 1 takes the likeliest token each time.
        prompt: what a sentence begins with (GIT, BLIP), what is asked (BLIP-2), or the task (Florence-2).
    """

    max_tokens: int = 50
    beams: int = 1
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class TagSettings:
    """Of a tagger: the least probability of a general tag, and of one that names a character."""

    threshold: float = 0.35
    character_threshold: float = 0.35


@dataclass(frozen=True, slots=True)
class Telling:
    """What a person has said; None where nothing."""

    max_tokens: int | None = None
    beams: int | None = None
    prompt: str | None = None
    threshold: float | None = None
    character_threshold: float | None = None

    def sentences(self, model: str) -> SentenceSettings:
        """The settings of a captioner; InputError, naming the model, for what is said of tags."""
        refuse_unread(
            {"--threshold": self.threshold, "--character-threshold": self.character_threshold},
            f"for taggers, and {model} says sentences",
        )
        default = SentenceSettings()
        return SentenceSettings(
            max_tokens=default.max_tokens if self.max_tokens is None else self.max_tokens,
            beams=default.beams if self.beams is None else self.beams,
            prompt=self.prompt,
        )

    def tags(self, model: str) -> TagSettings:
        """The settings of a tagger, characters as all others unless it is said; InputError for what is of sentences."""
        refuse_unread(
            {"--max-tokens": self.max_tokens, "--beams": self.beams, "--prompt": self.prompt},
            f"for models that say sentences, and {model} is a tagger",
        )
        threshold = TagSettings().threshold if self.threshold is None else self.threshold
        return TagSettings(threshold, threshold if self.character_threshold is None else self.character_threshold)
