"""What stands in the file: words replaced, with more around them, beside what is there."""

from __future__ import annotations

import pytest

from dbsweep.captioning.wording import Wording, beside, parse_replacements
from dbsweep.errors import InputError


@pytest.mark.parametrize(
    ("wording", "words", "expected"),
    [
        (Wording(), ["1boy", "black hair"], "1boy, black hair"),
        (Wording("photo", "sea"), ["1boy"], "photo, 1boy, sea"),
        (Wording(replacements=(("1boy", "man"),)), ["1boy", "solo"], "man, solo"),
        (Wording(replacements=(("hair", ""),)), ["hair", "black hair"], "black hair"),  # whole tags
        (Wording(replacements=(("1Boy", "man"), ("male focus", "man"))), ["1boy", "male focus"], "man"),  # once
        (Wording(replacements=(("a", "b"), ("b", "c"))), ["a"], "c"),  # one after another
        (Wording("photo", replacements=(("1boy", ""),)), ["1boy"], ""),  # nothing is left to say
        (Wording("photo"), [], ""),
    ],
)
def test_tags(wording: Wording, words: list[str], expected: str) -> None:
    assert wording.caption(words, are_tags=True) == expected


@pytest.mark.parametrize(
    ("wording", "sentence", "expected"),
    [
        (Wording(), "a man at sea", "a man at sea"),
        (Wording("photo of", "at night"), "a man", "photo of a man at night"),
        (Wording(replacements=(("person", "man"),)), "A Person and personal things", "A man and personal things"),
        (Wording(replacements=(("watermark", ""),)), "a man, watermark, at sea", "a man, at sea"),
        (Wording(replacements=(("a man", r"\1"),)), "a man at sea", r"\1 at sea"),
        (Wording(replacements=(("arafed", ""),)), "arafed", ""),
    ],
)
def test_sentences(wording: Wording, sentence: str, expected: str) -> None:
    assert wording.caption([sentence], are_tags=False) == expected


def test_pairs_are_parted_at_the_first_equals_sign() -> None:
    assert parse_replacements(["1boy=man", "watermark="]) == (("1boy", "man"), ("watermark", ""))
    assert parse_replacements([" a = b=c "]) == (("a", "b=c"),)


@pytest.mark.parametrize("given", ["1boy", "=man", " =man"])
def test_what_is_no_pair_is_refused(given: str) -> None:
    with pytest.raises(InputError, match="is not OLD=NEW: write 1boy=man"):
        parse_replacements([given])


@pytest.mark.parametrize("wording", [{"prefix": "\udcff"}, {"suffix": "\udcff"}, {"replacements": (("a", "\udcff"),)}])
def test_what_is_no_text_is_refused(wording) -> None:
    with pytest.raises(InputError, match="is not UTF-8"):
        Wording(**wording)


@pytest.mark.parametrize(
    ("existing", "caption", "if_there", "are_tags", "expected"),
    [
        ("", "a man", "skip", False, "a man"),
        ("mine", "a man", "skip", False, "mine"),
        ("mine", "a man", "overwrite", False, "a man"),
        ("mine", "a man", "append", False, "mine, a man"),
        ("mine", "a man", "prepend", False, "a man, mine"),
        ("mine, a man, hat", "a man, hat", "append", False, "mine, a man, hat"),  # as after an interruption
        ("man, sea", "1boy, Sea, hat", "append", True, "man, sea, 1boy, hat"),
        ("man, sea", "1boy, sea", "prepend", True, "1boy, man, sea"),
        ("hat, black hair", "hair", "append", True, "hat, black hair, hair"),  # whole tags
        ("man, sea", "sea, man", "append", True, "man, sea"),
    ],
)
def test_what_is_there_is_kept_and_written_once(existing, caption, if_there, are_tags, expected) -> None:
    together = beside(existing, caption, if_there, are_tags=are_tags)
    assert together == expected
    if if_there in ("append", "prepend"):
        assert beside(together, caption, if_there, are_tags=are_tags) == together
