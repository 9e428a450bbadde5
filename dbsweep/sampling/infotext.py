"""Generation settings in image files, in A1111's text format ("infotext"), written and read back."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin

from dbsweep.errors import InputError
from dbsweep.sampling.request import Hires, ImageRequest

PNG_KEY = "parameters"
_EXIF_IFD = 0x8769
_USER_COMMENT = 0x9286
_UNICODE = b"UNICODE\0"

# A key, a colon, and a value that is either JSON-quoted or free of commas; from A1111's infotext_utils.py.
_PARAMETER = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_FEWEST_PARAMETERS = 3
_NEGATIVE = "Negative prompt:"


@dataclass(frozen=True)
class ImageInfo:
    """What an image was drawn from.

    Attributes:
        model_hash: A1111's short hash of the model (10 hex digits), or empty.
        model: the model's name, or empty.
        batch_size: images of the batch; 1 is not written.
        batch_pos: 0-based position in the batch.
        clip_skip: 1 is not written.
        extras: further keys and values, in order; kept as text.
    """

    request: ImageRequest
    model_hash: str = ""
    model: str = ""
    batch_size: int = 1
    batch_pos: int = 0
    clip_skip: int = 1
    extras: Mapping[str, str] = field(default_factory=dict)


def format_info(info: ImageInfo) -> str:
    """The infotext as A1111 writes it: prompt, negative prompt if any, and one line of settings."""
    request = info.request
    settings: dict[str, object] = {
        "Steps": request.num_inference_steps,
        "Sampler": request.sampler,
        "CFG scale": _decimal(request.guidance_scale),
        "Seed": request.seed,
        "Size": f"{request.width}x{request.height}",
        "Model hash": info.model_hash or None,
        "Model": info.model or None,
        "Batch size": info.batch_size if info.batch_size > 1 else None,
        "Batch pos": info.batch_pos if info.batch_size > 1 else None,
        "Denoising strength": None if request.hires is None else _decimal(request.hires.denoising),
        "Clip skip": info.clip_skip if info.clip_skip > 1 else None,
        "Tiling": request.tiling or None,
        **({} if request.hires is None else _of_hires(request.hires)),
        **info.extras,
    }
    negative = f"\n{_NEGATIVE} {request.negative_prompt}" if request.negative_prompt else ""
    return f"{request.prompt}{negative}\n{format_settings(settings)}".strip()


def format_settings(settings: Mapping[str, object]) -> str:
    """One line of keys and values as A1111 writes them, without those that are None."""
    return ", ".join(f"{key}: {_quoted(str(value))}" for key, value in settings.items() if value is not None)


def parse_info(text: str) -> ImageInfo:
    """Reads what `format_info` or A1111 wrote; what is absent takes the defaults of `ImageRequest`.

    Raises:
        InputError: there is no line of settings, or a number in it is none.
    """
    *lines, last = text.strip().split("\n")
    settings = {key: _unquoted(value) for key, value in _PARAMETER.findall(last)}
    if len(settings) < _FEWEST_PARAMETERS:
        raise InputError(f"no generation settings in {last[:80]!r}; expected 'Steps: …, Sampler: …, CFG scale: …'")
    prompt, negative = _prompts(lines)
    try:
        return _info(prompt, negative, settings)
    except ValueError as error:
        raise InputError(f"unreadable generation settings {last[:80]!r}: {error}") from error


def write_png(
    path: Path,
    image: npt.NDArray[np.uint8],
    request: ImageRequest,
    model_hash: str = "",
    *,
    model: str = "",
    batch_size: int = 1,
    batch_pos: int = 0,
    clip_skip: int = 1,
    extras: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Writes (h, w, 3) uint8 RGB as PNG with its infotext under ``parameters``; whole or not at all.

    The other arguments are `ImageInfo`'s.
    """
    info = ImageInfo(request, model_hash, model, batch_size, batch_pos, clip_skip, extras)
    text = PngImagePlugin.PngInfo()
    text.add_text(PNG_KEY, format_info(info))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        Image.fromarray(image).save(temporary, format="PNG", pnginfo=text)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read(path: Path) -> ImageInfo:
    """The settings in a PNG (key ``parameters``), JPEG or WebP (EXIF UserComment).

    Raises:
        InputError: not an image, or without settings.
    """
    text = read_text(path)
    if not text:
        raise InputError(f"{path}: holds no generation settings (no PNG text {PNG_KEY!r}, no EXIF UserComment)")
    return parse_info(text)


def read_text(path: Path) -> str:
    """The infotext of an image file as it stands there; empty where there is none.

    Raises:
        InputError: no such file, or not an image.
    """
    try:
        with Image.open(path) as image:
            return str(image.info.get(PNG_KEY) or _user_comment(image))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; check the path") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: not an image that can be read: {error}") from error


def _of_hires(hires: Hires) -> dict[str, object]:
    return {
        "Hires upscale": _decimal(hires.scale),
        "Hires steps": hires.steps or None,
        "Hires upscaler": hires.upscaler,
    }


def _info(prompt: str, negative: str, settings: dict[str, str]) -> ImageInfo:
    default = ImageRequest(prompt)
    width, _, height = settings.pop("Size", f"{default.width}x{default.height}").partition("x")
    request = ImageRequest(
        prompt=prompt,
        negative_prompt=negative,
        seed=int(settings.pop("Seed", default.seed)),
        guidance_scale=float(settings.pop("CFG scale", default.guidance_scale)),
        num_inference_steps=int(settings.pop("Steps", default.num_inference_steps)),
        sampler=_sampler(settings, default.sampler),
        width=int(width),
        height=int(height),
        tiling=settings.pop("Tiling", "False") == "True",
        hires=_hires(settings),
    )
    return ImageInfo(
        request,
        model_hash=settings.pop("Model hash", ""),
        model=settings.pop("Model", ""),
        batch_size=int(settings.pop("Batch size", 1)),
        batch_pos=int(settings.pop("Batch pos", 0)),
        clip_skip=int(settings.pop("Clip skip", 1)),
        extras=settings,
    )


def _hires(settings: dict[str, str]) -> Hires | None:
    """The second pass; one without a scale, whose size is told in pixels, stays among the extras."""
    if "Hires upscale" not in settings:
        return None
    default = Hires()
    return Hires(
        scale=float(settings.pop("Hires upscale")),
        steps=int(settings.pop("Hires steps", default.steps)),
        denoising=float(settings.pop("Denoising strength", default.denoising)),
        upscaler=settings.pop("Hires upscaler", default.upscaler),
    )


def _sampler(settings: dict[str, str], default: str) -> str:
    """Its name as A1111 had it until 1.8; since then what stood at its end is a key of its own.

    ``Automatic`` is what a sampler does of itself; where that is Karras, A1111 writes so.
    """
    sampler = settings.pop("Sampler", default)
    if settings.get("Schedule type") == "Automatic":
        del settings["Schedule type"]
    if settings.get("Schedule type") == "Karras" and not sampler.endswith(" Karras"):
        return f"{sampler} {settings.pop('Schedule type')}"
    return sampler


def _prompts(lines: list[str]) -> tuple[str, str]:
    starts = [index for index, line in enumerate(lines) if line.startswith(_NEGATIVE)]
    if not starts:
        return "\n".join(lines), ""
    negative = [lines[starts[0]].removeprefix(_NEGATIVE).lstrip(), *lines[starts[0] + 1 :]]
    return "\n".join(lines[: starts[0]]), "\n".join(negative)


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if any(mark in value for mark in ",:\n") else value


def _unquoted(value: str) -> str:
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value.strip()
    try:
        return str(json.loads(value))
    except json.JSONDecodeError:  # another program's value that only looks quoted
        return value


def _decimal(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _user_comment(image: Image.Image) -> str:
    comment = image.getexif().get_ifd(_EXIF_IFD).get(_USER_COMMENT, b"")
    if not isinstance(comment, bytes):
        return str(comment)
    if comment.startswith(_UNICODE):
        body = comment[len(_UNICODE) :]
        # piexif, which A1111 writes with, uses big-endian; a byte order mark or a zero second byte says otherwise.
        little = body[:2] == b"\xff\xfe" or (len(body) > 1 and body[1] == 0)
        return body.decode("utf-16-le" if little else "utf-16-be", errors="replace").lstrip("\ufeff")
    return comment.removeprefix(b"ASCII\0\0\0").decode("utf-8", errors="replace").strip("\0")
