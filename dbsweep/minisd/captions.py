"""Captions: what a prompt may say about a picture, and nothing that its style does not show."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np

from dbsweep.minisd.attributes import COLOUR_STYLES, Style
from dbsweep.minisd.world import Sample

NOUNS: Final[dict[Style, tuple[str, ...]]] = {
    "photo": ("photo", "photo", "photograph", "portrait photo"),
    "pencil sketch": ("pencil sketch", "pencil sketch", "pencil drawing"),
    "neon": ("neon", "neon sign", "neon portrait"),
    "watercolor": ("watercolor", "watercolor painting", "watercolor"),
    "comic": ("comic", "comic panel", "comic drawing"),
    "pixel art": ("pixel art", "pixel art", "pixel art sprite"),
    "pop art": ("pop art", "pop art print", "pop art"),
    "ink poster": ("ink poster", "ink poster", "ink poster print"),
}
"""What a style is called in front of " of a man"; the first is the usual name."""
BACKDROP_STYLES: Final[frozenset[Style]] = frozenset(("photo", "watercolor", "comic", "pixel art"))
PLAIN_SHARE: Final = 0.12
"""Share of captions that name no attribute: "photo of man"."""


@dataclass(frozen=True)
class Caption:
    """A caption, and the identity attributes that it names with their values."""

    text: str
    named: dict[str, str]


def _a(words: str) -> str:
    """Return `words` with the indefinite article that fits."""
    return f"an {words}" if words[0] in "aeio" else f"a {words}"


Phrase = tuple[str, dict[str, str]]
"""Words, and the attributes that they name."""


def _hair(sample: Sample, rng: np.random.Generator) -> Phrase:
    """Name colour, cut or both; a robot's signal colour goes with what it stands on."""
    subject, style = sample.subject, sample.style
    colour, cut = subject.hair_colour, subject.hair_style
    shows = style in COLOUR_STYLES
    if subject.klass == "robot":
        many, word = cut == "twin antennas", cut.removeprefix("twin ")
        thing = f"{colour} {word}" if shows else word
        return (f"two {thing}" if many else _a(thing)), {"hair_style": cut} | ({"hair_colour": colour} if shows else {})
    if cut == "bald":
        return "a bald head", {"hair_style": cut}
    which = int(rng.integers(3)) if shows else 1
    if which == 0:
        return f"{colour} hair", {"hair_colour": colour}
    word = f"{colour} {cut}" if which == 2 else cut
    named = {"hair_style": cut} | ({"hair_colour": colour} if which == 2 else {})
    if cut in ("mohawk", "bob", "bun"):
        return f"a {word}", named
    if cut == "pigtails":
        return word, named
    return (f"{cut} {colour} hair" if which == 2 else f"{cut} hair"), named


def _glasses(sample: Sample, rng: np.random.Generator) -> Phrase:
    kind = sample.subject.glasses
    if kind == "sunglasses":
        return "sunglasses", {"glasses": kind}
    return ("glasses", {}) if rng.random() < 0.2 else (f"{kind} glasses", {"glasses": kind})


def _beard(sample: Sample, rng: np.random.Generator) -> Phrase:
    kind = sample.subject.beard
    word = {"full": ("beard", "full beard")[int(rng.integers(2))]}.get(kind, kind)
    if sample.style in COLOUR_STYLES and rng.random() < (0.5 if sample.subject.hair_style == "bald" else 0.15):
        return f"a {sample.subject.hair_colour} {word}", {"beard": kind, "hair_colour": sample.subject.hair_colour}
    return f"a {word}", {"beard": kind}


def _skin(sample: Sample) -> Phrase:
    skin = sample.subject.skin
    return (f"{skin} metal" if sample.subject.klass == "robot" else f"{skin} skin"), {"skin": skin}


def _mark(sample: Sample, rng: np.random.Generator) -> Phrase:
    mark = sample.subject.mark
    if mark == "freckles":
        return mark, {"mark": mark}
    return ("a mole", {}) if rng.random() < 0.5 else (f"a mole on the {mark.split()[0]}", {"mark": mark})


def phrases(sample: Sample, rng: np.random.Generator) -> list[tuple[float, Phrase]]:
    """Return every phrase that fits the picture, with how likely a caption is to choose it."""
    subject, coloured = sample.subject, sample.style in COLOUR_STYLES
    found: list[tuple[float, Phrase]] = [(5.0, _hair(sample, rng))]
    if subject.glasses != "none":
        found.append((5.0, _glasses(sample, rng)))
    if subject.beard != "none":
        found.append((5.0, _beard(sample, rng)))
    if coloured and sample.style != "neon":
        found.append((1.2, _skin(sample)))
    if coloured and subject.glasses != "sunglasses":
        found.append((0.8, (f"{subject.eye_colour} eyes", {"eye_colour": subject.eye_colour})))
    if subject.mark != "none":
        found.append((0.8, _mark(sample, rng)))
    mouth = {"smile": "a smile", "grin": "a grin", "small": "a small mouth", "straight": "a straight mouth"}
    found.append((0.7, (mouth[subject.mouth], {"mouth": subject.mouth})))
    found.append((0.6, (_a(f"{subject.face_shape} face"), {"face_shape": subject.face_shape})))
    found.append((0.4, (f"a {subject.nose} nose", {"nose": subject.nose})))
    found.append((0.4, (f"a {subject.jaw} jaw", {"jaw": subject.jaw})))
    return found


def _choose(found: list[tuple[float, Phrase]], count: int, rng: np.random.Generator) -> list[Phrase]:
    weights = np.array([weight for weight, _ in found])
    order = rng.choice(len(found), size=min(count, len(found)), replace=False, p=weights / weights.sum())
    return [found[int(i)][1] for i in order]


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _surroundings(sample: Sample, rng: np.random.Generator) -> list[str]:
    """Name clothes, background or framing, each now and then."""
    scene, extra = sample.scene, []
    if sample.style in COLOUR_STYLES and rng.random() < 0.14:
        garment = "hoodie" if scene.shirt == "hoodie" and rng.random() < 0.6 else "shirt"
        extra.append("wearing " + _a(f"{scene.shirt_colour} {garment}"))
    if sample.style in BACKDROP_STYLES and rng.random() < 0.14:
        extra.append(f"{scene.background} background")
    if scene.zoom > 1.09 and rng.random() < 0.2:
        extra.append("close up")
    return extra


def _framed(body: str, style: Style, rng: np.random.Generator) -> str:
    """Put the style in front ("pencil sketch of …") or behind ("photo of …, ink poster style")."""
    nouns = NOUNS[style]
    article = rng.random() < 0.25
    if style == "photo" or rng.random() < 0.42:
        noun = nouns[0] if rng.random() < 0.7 else nouns[int(rng.integers(len(nouns)))]
        return f"{_a(noun) if article else noun} of {body}"
    start = f"{'a ' if article else ''}photo of " if rng.random() < 0.7 else ""
    tail = f", {style} style" if rng.random() < 0.75 else f", {style}"
    return f"{start}{body}{tail}"


def describe(sample: Sample, rng: np.random.Generator) -> Caption:
    """Return a caption that names a random part of what `sample` shows."""
    subject = sample.subject
    count = 0 if rng.random() < PLAIN_SHARE else int(rng.choice([1, 2, 3, 4], p=[0.36, 0.36, 0.2, 0.08]))
    chosen = _choose(phrases(sample, rng), count, rng)
    named = {name: value for _, attributes in chosen for name, value in attributes.items()}
    noun: str = subject.klass
    if rng.random() < 0.06 and sample.style in COLOUR_STYLES and subject.klass == "robot":
        noun, named = f"{subject.skin} robot", named | {"skin": subject.skin}
    article = ("a ", "the ")[int(rng.random() < 0.06)] if rng.random() < 0.45 else ""
    body = article + noun + (f" with {_listed([words for words, _ in chosen])}" if chosen else "")
    body = ", ".join([body, *_surroundings(sample, rng)])
    return Caption(_framed(body, sample.style, rng), named | {"klass": subject.klass, "style": sample.style})


def describe_fully(sample: Sample, rng: np.random.Generator) -> str:
    """Return a caption that names every attribute that the style shows, in random order."""
    found = phrases(sample, rng)
    words = [words for _, (words, _) in (found[int(i)] for i in rng.permutation(len(found)))]
    body = f"a {sample.subject.klass} with {_listed(words)}"
    return _framed(", ".join([body, *_surroundings(sample, rng)]), sample.style, rng)


def is_held_out(text: str) -> bool:
    """Say whether a caption is kept from training: a hashed tenth of those that name an attribute."""
    return " with " in text and hashlib.sha256(text.encode()).digest()[0] < 26


def training_caption(sample: Sample, rng: np.random.Generator) -> Caption:
    """Return a caption that is not held out."""
    for _ in range(20):
        caption = describe(sample, rng)
        if not is_held_out(caption.text):
            return caption
    subject, style = sample.subject, sample.style
    return Caption(f"{style} of {subject.klass}", {"klass": subject.klass, "style": style})
