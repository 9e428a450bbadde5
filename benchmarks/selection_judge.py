"""The judge of `benchmarks.selection`: what the oracle sees in images of its own prompts, and what that is worth.

It shares nothing with the product's evaluation but the styles that the subject's user wants: another network, trained
on renders with known attributes; other prompts, other seeds, fewer sampling steps, in bfloat16. What is near the best
of a sweep after a first round of pictures is judged by further rounds, since chance in the judge's own eyes is counted
as regret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmarks.fast_unet import fast_unet
from benchmarks.oracle import Images, identity_score, probabilities
from benchmarks.selection_curves import OracleView, SubjectCurves, name_of
from dbsweep.minisd.attributes import CLASSES, STYLES, SUBJECT_VALUES, Style, Subject
from dbsweep.minisd.render import render
from dbsweep.minisd.scene import draw_scene
from dbsweep.models.bundle import StableDiffusion
from dbsweep.sampling.request import ImageRequest
from dbsweep.sampling.sampler import draw

Floats: TypeAlias = npt.NDArray[np.float64]

SEED: Final = 700_000
IDENTITY_SEEDS, STYLE_SEEDS, CLASS_SEEDS = 12, 8, 12
"""Images of each prompt in a round; even, so that they can be split in halves."""
ROUNDS: Final = 4
"""Of what may be the best of its sweep; all others are judged by the first round alone."""
CLOSE: Final = 0.12
"""Utility behind the best by the first round from which on a checkpoint is no more looked at: three standard errors."""
SAMPLING: Final = {"num_inference_steps": 10, "guidance_scale": 7.5, "width": 64, "height": 64}
RENDERS: Final = 16
"""True pictures of the subject in each style that the judge's scale is made from."""


def instance_prompts(klass: str, token: str) -> tuple[str, ...]:
    """Photos of the subject, one of them asking for something of its own; an empty token asks for the class."""
    named = f"{token} {klass}".strip()
    return (f"portrait photo of {named}", f"photo of {named}, blue background")


def style_prompts(klass: str, token: str, styles: Sequence[Style]) -> tuple[str, ...]:
    """The subject in each of the styles, in two phrasings each."""
    named = f"{token} {klass}".strip()
    phrasings = ("{style} of {named}", "portrait photo of {named}, {style} style")
    return tuple(phrase.format(style=style, named=named) for style in styles for phrase in phrasings)


def class_prompts(klass: str) -> tuple[str, ...]:
    """Anyone of the class."""
    return (f"portrait photo of {klass}", f"photo of a {klass}")


@dataclass(frozen=True, eq=False)
class OraclePictures:
    """What a model drew for the judge, (n, 64, 64, 3) uint8 each, prompt by prompt."""

    instance: npt.NDArray[np.uint8]
    styled: npt.NDArray[np.uint8]
    klass: npt.NDArray[np.uint8]

    def save(self, path: Path) -> None:
        """Write a compressed .npz file."""
        np.savez_compressed(path, instance=self.instance, styled=self.styled, klass=self.klass)

    @classmethod
    def load(cls, path: Path) -> OraclePictures:
        """Read what `save` wrote."""
        with np.load(path) as arrays:
            return cls(arrays["instance"], arrays["styled"], arrays["klass"])

    def joined(self, further: OraclePictures) -> OraclePictures:
        """These and those of further rounds, prompt by prompt."""

        def join(first: npt.NDArray[np.uint8], more: npt.NDArray[np.uint8], each: int) -> npt.NDArray[np.uint8]:
            prompts = len(first) // each
            rows = [np.reshape(part, (prompts, -1, *part.shape[1:])) for part in (first, more)]
            return np.concatenate(rows, axis=1).reshape(-1, *first.shape[1:])

        return OraclePictures(
            join(self.instance, further.instance, IDENTITY_SEEDS),
            join(self.styled, further.styled, STYLE_SEEDS),
            join(self.klass, further.klass, CLASS_SEEDS),
        )


def draw_for_oracle(
    models: StableDiffusion, klass: str, token: str, styles: Sequence[Style], rounds: range = range(1)
) -> OraclePictures:
    """Draw the judge's prompts with the models' present weights; an empty token asks an untrained model.

    Args:
        rounds: each has seeds of its own.
    """
    groups = (
        (instance_prompts(klass, token), IDENTITY_SEEDS),
        (style_prompts(klass, token, styles), STYLE_SEEDS),
        (class_prompts(klass), CLASS_SEEDS),
    )
    requests = [
        [
            ImageRequest(prompt=prompt, seed=SEED + 100 * i + k, **SAMPLING)  # type: ignore[arg-type]
            for i, prompt in enumerate(prompts)
            for k in range(n * rounds.start, n * rounds.stop)
        ]
        for prompts, n in groups
    ]
    with fast_unet(models):
        images = np.stack(draw(models, [request for group in requests for request in group]))
    ends = np.cumsum([len(group) for group in requests])
    return OraclePictures(*np.split(images, ends[:-1]))


def look(pictures: OraclePictures, subject: Subject, styles: Sequence[Style]) -> OracleView:
    """What the oracle sees in them, drawn with these styles."""
    wanted = np.repeat(np.array([STYLES.index(style) for style in styles]), len(pictures.styled) // len(styles))
    seen = probabilities(pictures.klass)
    photo = seen["style"][:, STYLES.index("photo")]
    return OracleView(
        identity=_row(identity_score(pictures.instance, subject)),
        style=_row(probabilities(pictures.styled)["style"][np.arange(wanted.size), wanted]),
        style_identity=_row(identity_score(pictures.styled, subject)),
        klass=_row(seen["klass"][:, CLASSES.index(subject.klass)] * photo),
        class_identity=_row(identity_score(pictures.klass, subject)),
        variety=_row(_variety(seen)),
    )


def _row(values: npt.NDArray[np.floating]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _variety(seen: dict[str, npt.NDArray[np.float32]]) -> Floats:
    """Of each image, 1 - the mean over attributes and others of its half of the probability to have the same value."""
    same = np.mean([seen[name] @ seen[name].T for name in SUBJECT_VALUES], axis=0)
    place = np.arange(len(same))
    others = ((place[:, None] - place) % 2 == 0) & (place[:, None] != place)
    return np.asarray(1.0 - (same * others).sum(axis=1) / others.sum(axis=1), dtype=np.float64)


def ceilings(subject: Subject, photos: Images, styles: Sequence[Style]) -> tuple[float, tuple[float, ...]]:
    """The oracle's identity score of the subject's photos, and of true pictures of it in each of the styles."""
    scenes = [draw_scene(np.random.default_rng([SEED, index])) for index in range(RENDERS)]
    styled = [
        float(identity_score([render(subject, scene, style) for scene in scenes], subject).mean()) for style in styles
    ]
    return float(identity_score(photos, subject).mean()), tuple(styled)


@dataclass(frozen=True)
class Worth:
    """What a checkpoint is worth to the judge, 0 to 1 each.

    Attributes:
        identity: of instance images; 0 as the base model's class images, 1 as the photos.
        style: over sanity images, the mean of P(the style asked for) * likeness to the subject; 0 where the style or
            the subject is missing, 1 as true pictures of the subject in that style.
        prior: of class images, the share that is a photo of the class, times what is left of their variety: one minus
            the drift towards the subject, or their differences over the base model's, whichever is less.
    """

    identity: float
    style: float
    prior: float

    @property
    def utility(self) -> float:
        """The harmonic mean: low as soon as one of the three is, since each of them alone makes a model useless."""
        parts = (self.identity, self.style, self.prior)
        return 3.0 / sum(1.0 / part for part in parts) if min(parts) > 0.0 else 0.0


def worth(view: OracleView, curves: SubjectCurves, half: int | None = None) -> Worth:
    """Judge a checkpoint.

    Args:
        view: of the checkpoint.
        curves: the subject, whose base model and true pictures make the scales.
        half: 0 or 1 judges by every other image alone, to measure how much chance is in it; None by all.
    """
    base = curves.base_oracle
    identity = _place(_mean(view.identity, half), _mean(base.identity), curves.photo_identity)
    return Worth(identity=identity, style=_style(view, curves, half), prior=_prior(view, curves, half))


def may_be_best(curves: SubjectCurves) -> list[str]:
    """Names of the checkpoints near the best in the judge's eyes, which more pictures may tell apart."""
    found = {name_of(t, p): worth(p.oracle, curves).utility for t in curves.trials for p in t.checkpoints}
    return [name for name, utility in found.items() if utility >= max(found.values()) - CLOSE]


def _style(view: OracleView, curves: SubjectCurves, half: int | None) -> float:
    shape = (len(curves.style_identity), -1)
    floor = np.reshape(curves.base_oracle.style_identity, shape).mean(axis=1, keepdims=True)
    ceiling = np.asarray(curves.style_identity)[:, None]
    seen = np.reshape(view.style_identity, shape)
    there = np.clip((seen - floor) / np.maximum(ceiling - floor, 0.05), 0.0, 1.0)
    joint = np.reshape(view.style, shape) * there
    return float(joint[:, slice(half, None, None if half is None else 2)].mean())


def _prior(view: OracleView, curves: SubjectCurves, half: int | None) -> float:
    base = curves.base_oracle
    drift = _place(_mean(view.class_identity, half), _mean(base.class_identity), curves.photo_identity)
    variety = _mean(view.variety, half) / _mean(base.variety, half)
    return _mean(view.klass, half) * min(1.0 - drift, variety, 1.0)


def _place(value: float, floor: float, ceiling: float) -> float:
    """Where a value lies between floor and ceiling, clipped to 0 and 1."""
    return float(np.clip((value - floor) / max(ceiling - floor, 0.05), 0.0, 1.0))


def _mean(values: Sequence[float], half: int | None = None) -> float:
    return float(np.mean(values[slice(half, None, None if half is None else 2)]))
