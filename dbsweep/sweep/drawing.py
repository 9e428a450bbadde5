"""Pictures of a person's own prompts, by a run's checkpoint or any other model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dbsweep.config.messages import counted
from dbsweep.errors import DbsweepError, InputError
from dbsweep.models.places import make_folder
from dbsweep.sampling.infotext import ImageInfo, read
from dbsweep.sampling.prompt_files import AskedPrompt, read_prompts
from dbsweep.sampling.prompt_matrix import matrix_prompts
from dbsweep.sampling.request import Picture
from dbsweep.sampling.settings import DrawSettings, settings_of
from dbsweep.sampling.unread_notation import unread_notation
from dbsweep.sweep.drawing_models import find_drawing_model
from dbsweep.sweep.drawing_room import refuse_too_large

_MOST = 1_000_000
"""Pictures of one command; more are a slip."""


@dataclass(frozen=True)
class Asked:
    """What a person asks to have drawn.

    Attributes:
        prompts: each one picture or several.
        files: of prompts (`dbsweep.sampling.prompt_files`).
        pngs: pictures that are drawn again from their infotext.
        matrix: split each prompt at ``|`` (`dbsweep.sampling.prompt_matrix`).
        iterate_seed: a prompt's seeds go on where those of the prompt before end, unless its line says a seed.
        settings: of all prompts whose line says nothing else, and of all PNGs, whatever they say.
    """

    prompts: Sequence[str] = ()
    files: Sequence[Path] = ()
    pngs: Sequence[Path] = ()
    matrix: bool = False
    iterate_seed: bool = False
    settings: DrawSettings = field(default_factory=DrawSettings)


@dataclass(frozen=True, slots=True)
class Drawn:
    """Pictures that are new, and that were there already."""

    new: int
    there: int


def draw_pictures(
    model: str,
    runs: Path,
    out: Path,
    asked: Asked,
    *,
    batch_size: int,
    note: Callable[[str], None],
    progress: Callable[[int, int], None],
) -> Drawn:
    """Draws what is asked for and not in the folder yet.

    Args:
        model: see `dbsweep.sweep.drawing_models.find_drawing_model`.
        out: folder of the PNG files; is made where there is none.
        batch_size, progress: as in `dbsweep.execution.drawing.picture_folder.draw_missing`.
        note: told what is going on, one line at a time.

    Raises:
        InputError: there is nothing to draw, or what is asked for cannot be drawn.
        RunError, ModelError: there is no such model, or the folder cannot be written.
        ResourceError: there is no memory for one picture, or no space on the disk.
    """
    drawing = find_drawing_model(model, runs)
    prompts, infos = list(_prompts(asked)), _infos(asked.pngs)
    asked_for = _pictures(prompts, infos, asked, drawing.settings)  # refused before a model is loaded
    make_folder(out)
    for line in unread_notation(f"{each.request.prompt}\n{each.request.negative_prompt}" for each in asked_for):
        note(line)
    note(f"Loading {drawing.found.name}")
    loaded = drawing.load()
    from dbsweep.execution.drawing.picture_folder import batches_to_draw, draw_missing, find_missing

    wanted = _pictures(prompts, infos, asked, loaded.settings)
    pictures = list(dict.fromkeys(wanted))
    missing = find_missing(pictures, out, loaded.model_hash)
    at_once = ([pictures[i].request for i in batch] for batch in batches_to_draw(pictures, missing, batch_size))
    refuse_too_large(at_once, loaded.models, drawing.precision)
    if len(pictures) < len(wanted):
        note(
            f"{counted(len(wanted) - len(pictures), 'picture')} asked for again will be drawn once; --iterate-seed"
            " gives each prompt seeds of its own"
        )
    for path, info in infos:
        for line in _differences(info, loaded.model_hash, drawing.found.name):
            note(f"{path}: {line}")
    draw_missing(
        loaded.models,
        pictures,
        missing,
        out,
        model_hash=loaded.model_hash,
        precision=drawing.precision,
        batch_size=batch_size,
        progress=progress,
    )
    return Drawn(len(missing), len(pictures) - len(missing))


def _prompts(asked: Asked) -> Iterator[AskedPrompt]:
    """The prompts in order, those of a matrix one by one."""
    given = [AskedPrompt(prompt, DrawSettings(), "--prompt") for prompt in asked.prompts]
    for each in (*given, *(line for file in asked.files for line in read_prompts(file))):
        if not each.prompt.strip():
            raise InputError(f"{each.place}: is empty; say what is to be drawn")
        try:
            for prompt in matrix_prompts(each.prompt) if asked.matrix else (each.prompt,):
                yield replace(each, prompt=prompt)
        except InputError as error:
            raise InputError(f"{each.place}: {error}") from error


def _infos(pngs: Sequence[Path]) -> list[tuple[Path, ImageInfo]]:
    infos = []
    for path in pngs:
        try:
            infos.append((path, read(path)))
        except DbsweepError as error:
            raise InputError(str(error) if str(path) in str(error) else f"{path}: {error}") from error
    return infos


def _pictures(
    prompts: Sequence[AskedPrompt], infos: Sequence[tuple[Path, ImageInfo]], asked: Asked, defaults: DrawSettings
) -> list[Picture]:
    """What each picture is drawn from, in order; of the prompts first, their images together."""
    pictures: list[Picture] = []
    for each in prompts:
        settings = each.settings.over(asked.settings).over(defaults)
        if asked.iterate_seed and each.settings.seed is None and settings.seed is not None:
            settings = replace(settings, seed=settings.seed + len(pictures))
        pictures += _images(each.prompt, settings, each.place, len(pictures))
    for path, info in infos:
        settings = asked.settings.over(settings_of(info))
        pictures += _images(info.request.prompt, settings, str(path), len(pictures))
    if not pictures:
        raise InputError("there is nothing to draw: give --prompt, --prompts or --from")
    return pictures


def _images(prompt: str, settings: DrawSettings, place: str, before: int) -> list[Picture]:
    from dbsweep.sampling.schedulers import check_sampler

    if before + (settings.images_per_prompt or 1) > _MOST:
        raise InputError(f"{place}: more than {_MOST:,} pictures; draw them by several commands")
    if settings.seed == -1:
        raise InputError(
            f"{place}: seed -1, A1111's random one, cannot be drawn again; --iterate-seed gives each prompt seeds of"
            " its own"
        )
    try:
        pictures = settings.pictures(prompt)
        check_sampler(pictures[0].request.sampler)
        f"{prompt}{settings.negative_prompt}".encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{place}: {prompt!r} is not UTF-8") from error
    except DbsweepError as error:
        raise InputError(f"{place}: {error}") from error
    return pictures


def _differences(info: ImageInfo, model_hash: str, name: str) -> Iterator[str]:
    """Why a picture that is drawn again will not be the one that it was."""
    if info.model_hash not in ("", model_hash):
        yield f"was drawn by a model of hash {info.model_hash}, and {name} has {model_hash}"
    if others := [key for key in info.extras if key not in _SILENT]:
        yield f"tells of what is not done here: {', '.join(others)}"


_SILENT = ("Version",)
"""Keys of an infotext that change no picture."""
