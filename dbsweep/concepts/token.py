"""How the tokenizer splits the instance token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from transformers import CLIPTokenizer


@dataclass(frozen=True, slots=True)
class TokenSplit:
    """How the tokenizer splits one word.

    Attributes:
        word: as the experiment file has it.
        pieces: as spelled in the vocabulary; ``</w>`` ends a word.
        known: False if a piece is outside the vocabulary.
    """

    word: str
    pieces: tuple[str, ...]
    known: bool

    @property
    def shown(self) -> tuple[str, ...]:
        """The pieces as a person reads them."""
        return tuple(piece.removesuffix("</w>") for piece in self.pieces)

    @property
    def warning(self) -> str | None:
        """A sentence for the person, or None where the word is one known token."""
        shown = ", ".join(self.shown)
        if not self.pieces:
            return f"instance_token {self.word!r} has no letters that the tokenizer reads: choose another word."
        if not self.known:
            return f"instance_token {self.word!r} is unknown to the tokenizer (it reads {shown}): choose another word."
        if len(self.pieces) > 1:
            return (
                f"instance_token {self.word!r} is split into {len(self.pieces)} pieces ({shown}), each with a meaning"
                " of its own: a rare word of one token is learned more cleanly."
            )
        return None


def shared_pieces(splits: Sequence[TokenSplit]) -> Iterator[str]:
    """Sentences for the person, on instance tokens of several concepts that have a piece in common."""
    for one, other in combinations(splits, 2):
        common = [piece.removesuffix("</w>") for piece in one.pieces if piece in other.pieces]
        if common:
            yield (
                f"instance_token {one.word!r} and {other.word!r} share the piece {common[0]!r}, by which each learns"
                " what the other is taught: choose words without a common piece."
            )


def split_token(tokenizer: CLIPTokenizer, word: str) -> TokenSplit:
    """The pieces into which the tokenizer splits a word (usually the instance token)."""
    pieces = tokenizer.tokenize(word)
    ids = tokenizer.convert_tokens_to_ids(pieces)
    # CLIP's unknown token is its end token: never a piece of real text.
    return TokenSplit(word=word, pieces=tuple(pieces), known=tokenizer.unk_token_id not in ids)
