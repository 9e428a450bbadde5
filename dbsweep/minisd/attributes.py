"""The attribute tuples of the portrait world: who is shown (`Subject`) and what varies around them (`Scene`)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Literal

Klass = Literal["man", "woman", "robot"]
Style = Literal["photo", "pencil sketch", "neon", "watercolor", "comic", "pixel art", "pop art", "ink poster"]

CLASSES: Final[tuple[Klass, ...]] = ("man", "woman", "robot")
STYLES: Final[tuple[Style, ...]] = (
    "photo",
    "pencil sketch",
    "neon",
    "watercolor",
    "comic",
    "pixel art",
    "pop art",
    "ink poster",
)
COLOUR_STYLES: Final[frozenset[Style]] = frozenset(("photo", "neon", "watercolor", "comic", "pixel art"))
"""Styles in which the named colour of hair, clothes and metal can be seen."""

HAIR_COLOURS: Final = ("black", "brown", "red", "blonde", "grey", "blue", "pink")
SKINS: Final = ("pale", "light", "tan", "brown", "dark")
METALS: Final = ("silver", "copper", "mint", "gold")
HAIR_STYLES: Final = ("bald", "short", "spiky", "curly", "mohawk", "bob", "long", "bun", "pigtails")
ROBOT_TOPS: Final = ("antenna", "twin antennas", "crest", "lamp")
GLASSES: Final = ("none", "round", "square", "sunglasses")
BEARDS: Final = ("none", "moustache", "goatee", "full")
FACE_SHAPES: Final = ("round", "oval", "long")
JAWS: Final = ("soft", "square", "pointed")
EYE_COLOURS: Final = ("brown", "blue", "green", "amber")
NOSES: Final = ("button", "big", "pointed")
MOUTHS: Final = ("smile", "grin", "straight", "small")
MARKS: Final = ("none", "left mole", "right mole", "freckles")

SHIRT_COLOURS: Final = ("red", "orange", "yellow", "green", "blue", "purple", "white", "black")
SHIRTS: Final = ("round neck", "collar", "hoodie", "stripes")
BACKGROUNDS: Final = ("blue", "green", "yellow", "orange", "pink", "purple", "teal", "grey", "white")
LIGHTS: Final = ("left", "right", "front")


@dataclass(frozen=True)
class Subject:
    """Who is shown: everything that stays the same from photo to photo.

    Robots use the same fields with words of their own: `skin` is the metal, `hair_style` what stands on the head
    and `hair_colour` its colour.
    """

    klass: Klass
    skin: str
    hair_colour: str
    hair_style: str
    glasses: str
    beard: str
    face_shape: str
    jaw: str
    eye_colour: str
    nose: str
    mouth: str
    mark: str

    def __post_init__(self) -> None:
        """Refuse values that the portrait world does not know.

        Raises:
            ValueError: if an attribute has a value outside `SUBJECT_VALUES`.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if value not in SUBJECT_VALUES[field.name]:
                allowed = ", ".join(SUBJECT_VALUES[field.name])
                raise ValueError(f"`{field.name}` must be one of {allowed}, got {value!r}")


SUBJECT_VALUES: Final[dict[str, tuple[str, ...]]] = {
    "klass": CLASSES,
    "skin": SKINS + METALS,
    "hair_colour": HAIR_COLOURS,
    "hair_style": HAIR_STYLES + ROBOT_TOPS,
    "glasses": GLASSES,
    "beard": BEARDS,
    "face_shape": FACE_SHAPES,
    "jaw": JAWS,
    "eye_colour": EYE_COLOURS,
    "nose": NOSES,
    "mouth": MOUTHS,
    "mark": MARKS,
}
"""Every subject attribute with the values it can take, in the order of `Subject`'s fields."""


@dataclass(frozen=True)
class Scene:
    """What varies from photo to photo of one subject."""

    shirt_colour: str
    shirt: str
    background: str
    light: str
    shift_x: float
    """Horizontal offset of the head, as a fraction of the image width."""
    shift_y: float
    """Vertical offset of the head, as a fraction of the image height."""
    zoom: float
    """Size of the head relative to the usual framing."""
    tilt: float
    """Head roll in radians, clockwise."""
    yaw: float
    """How far the face is turned, from -1 (to the left) to 1 (to the right)."""
    texture: int
    """Seed of the style's own variation: palette, paper, wobble."""
