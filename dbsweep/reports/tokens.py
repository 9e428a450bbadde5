"""What is said of the instance tokens once the base model has drawn them."""

from __future__ import annotations

from dbsweep.records.results import Scorecard, TokenMeaning

RARE = ("ohwx", "sks")
"""Words that people use: each is one token, of the rarest twentieth of the vocabulary of Stable Diffusion's CLIP."""


def token_sentences(base: Scorecard) -> tuple[str, ...]:
    """One sentence for each instance token: whether the base model already draws something of its own for it.

    Args:
        base: the untrained model's scorecard; of a run older than this question it has no tokens.
    """
    return tuple(_sentence(token) for token in base.tokens)


def _sentence(found: TokenMeaning) -> str:
    token = repr(found.token) + (f" (read as {', '.join(found.pieces)})" if len(found.pieces) > 1 else "")
    if found.known is None:
        return (
            f"Whether {token} already means something to the base model cannot be told from {found.images} "
            f"pictures of {found.prompt!r}: compare images/base/token-*.png in the run's folder with the others there"
        )
    if not found.known:
        return (
            f"{token} means nothing to the base model yet: "
            f"it draws {found.prompt!r} much as it draws {found.base_prompt!r}"
        )
    other = next(word for word in RARE if word != found.token)
    return (
        f"The base model already draws something of its own for {token}: {found.prompt!r} is not "
        f"{found.base_prompt!r}. Choose a rarer word, such as {other!r}, unless this is what you go on teaching"
    )
