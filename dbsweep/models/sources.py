"""What a base model can be named by, checked without loading it (no torch import)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from dbsweep.errors import ModelError
from dbsweep.models.checkpoint_files import DROPPED, MANIFEST, WEIGHT_FILES
from dbsweep.records.record import Record

HEADER_BYTES = 100_000_000
"""Of the longest header that safetensors reads; the rest of a file is no place to look for more."""
ZIP = b"PK\x03\x04"
"""How a ``.ckpt`` begins."""
SINGLE_FILE_SUFFIXES = (".safetensors", ".ckpt")
NETWORKS = ("unet", "vae", "text_encoder")
REQUIRED = (*(f"{name}/config.json" for name in NETWORKS), "scheduler/scheduler_config.json")
TOKENIZER = "tokenizer/tokenizer.json"
OLD_TOKENIZER = ("tokenizer/vocab.json", "tokenizer/merges.txt")
"""Either will do; transformers makes a tokenizer without words of a folder that has neither."""

# What a pipeline that cannot be trained here is called, by a word of its class in model_index.json.
_OTHER_FAMILIES = {
    "XL": "an SDXL model",
    "Diffusion3": "a Stable Diffusion 3 model",
    "Flux": "a Flux model",
    "Inpaint": "an inpainting model",
    "UnCLIP": "an unCLIP model",
    "LatentConsistency": "a latent consistency model (LCM)",
}
ONLY_SD = "only Stable Diffusion 1.x and 2.x that draw from text alone are supported"

# Until 2024 diffusers put the variant of a part behind its number.
_WEIGHTS = re.compile(r"\w*model(\.(?P<variant>\w+))?(-\d+-of-\d+(\.(?P<older>\w+))?)?\.(safetensors|bin)")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


class BaseSource(Record):
    """A base model, and what to take of it.

    Attributes:
        source: a diffusers folder, a ``.safetensors`` or ``.ckpt`` file, a hub id, or the folder of a checkpoint.
        ema: take the averaged half of a single file that has both; the other half is what its training went on from.
        vae: another autoencoder: a folder, a file or a hub id; None for the model's own.
        below: of a checkpoint, the base model that it belongs to; None where it lies as the checkpoint's manifest says.
    """

    source: str
    ema: bool = False
    vae: str | None = None
    below: BaseSource | None = None

    def __str__(self) -> str:
        """As messages name it."""
        return self.source


def rooted(base: BaseSource) -> BaseSource:
    """With all that a checkpoint stands on, down to a model that is none."""
    folder = Path(base.source)
    if base.below is not None or not is_checkpoint(folder):
        return base
    below = base_below(folder)
    return base if below is None else base.model_copy(update={"below": rooted(below)})


def base_below(checkpoint: Path) -> BaseSource | None:
    """The base model that the manifest of a checkpoint names; None in old ones."""
    below = _read_json(checkpoint / MANIFEST).get("base")
    try:
        return None if below is None else BaseSource.model_validate(below)
    except ValidationError as error:
        raise ModelError(f"checkpoint {checkpoint}: {MANIFEST} does not say which base model it belongs to") from error


def is_hub_id(source: str) -> bool:
    """Whether it has the form ``owner/name`` and cannot be meant as a model file."""
    return _HUB_ID.fullmatch(source) is not None and Path(source).suffix not in SINGLE_FILE_SUFFIXES


def check_base(base: BaseSource) -> None:
    """`check_source`, and that what is taken of it, or in place of its VAE, is there and whole; ModelError if not."""
    check_source(base.source)
    if is_checkpoint(Path(base.source)) and (base.ema or base.vae is not None):
        raise ModelError(
            f"base model {base}: a checkpoint has its own VAE and one half; leave vae and base_model_ema out"
        )
    if base.ema and not Path(base.source).is_file():
        raise ModelError(f"base model {base}: only single files have two halves; leave base_model_ema out")
    if base.vae is None:
        return
    vae = Path(base.vae)
    if not vae.exists() and not is_hub_id(base.vae):
        raise ModelError(f"vae {vae}: no such folder or file, and not a hub id (owner/name); check the path")
    if not vae.is_dir() and "sdxl" in vae.name.lower():  # whose weights have the very names and shapes of SD's
        raise ModelError(
            f"vae {vae}: by its name an SDXL VAE, whose latents Stable Diffusion 1.x and 2.x do not know; give another"
        )
    if vae.is_file() and vae.suffix == ".safetensors":
        check_safetensors(vae)
    if vae.is_dir():
        _check_vae_folder(vae)


def _check_vae_folder(folder: Path) -> None:
    inner = folder / "vae" if (folder / "vae").is_dir() else folder
    lacks = [] if (inner / "config.json").is_file() else ["config.json"]
    lacks += [] if _weight_files(inner) else ["*.safetensors"]
    if lacks:
        raise ModelError(f"vae {folder}: not an autoencoder's folder nor a pipeline's, it lacks {' and '.join(lacks)}")
    for file in inner.glob("[!.]*.safetensors"):
        check_safetensors(file)


def check_source(source: str) -> None:
    """Finds what can be found without reading weights; a hub id is only checked for its form.

    Raises:
        ModelError: no such path, a folder that lacks parts, SDXL, another kind of file, or a truncated one.
    """
    path = Path(source)
    if is_checkpoint(path):
        files = list(path.glob("[!.]*.safetensors"))  # macOS puts ._ files beside the real ones
        if not any(file.name in WEIGHT_FILES for file in files):  # there may be state
            raise ModelError(f"base model {path}: {DROPPED}")
        for file in files:
            check_safetensors(file)
    elif path.is_dir():
        check_folder(path)
        for name in NETWORKS:
            for file in (path / name).glob("[!.]*.safetensors"):
                check_safetensors(file)
    elif path.is_file():
        if path.suffix not in SINGLE_FILE_SUFFIXES:
            raise ModelError(
                f"base model {path}: not a model file; give a diffusers folder, a .safetensors or a .ckpt file"
            )
        if path.suffix == ".safetensors":
            check_safetensors(path)
    elif not is_hub_id(source):
        meant = "; the model that comes with dbsweep is called minisd" if source.lower() == "minisd" else ""
        if path.parent.parent.name == "checkpoints":  # by dbsweep.execution.folder
            meant = f", or, if a run began with this checkpoint, put the run that made it back: {path.parents[2]}"
        raise ModelError(
            f"base model {source}: no such folder or file, and not a hub id (owner/name); check the path{meant}"
        )


def is_checkpoint(folder: Path) -> bool:
    """Whether it is the folder of a finished checkpoint of a run, and no pipeline with a manifest of its own."""
    return (folder / MANIFEST).is_file() and not (folder / "model_index.json").exists()


def check_folder(folder: Path, named: str | None = None, *, needs_weights: bool = True) -> None:
    """ModelError unless the folder has all parts of a Stable Diffusion 1.x or 2.x pipeline.

    Args:
        named: the hub id that messages name, of a folder in the hub's cache.
    """
    refuse_other_families(folder, named)
    needed = REQUIRED if (folder / TOKENIZER).exists() else (*REQUIRED, *OLD_TOKENIZER)
    missing = [name for name in needed if not (folder / name).exists()]
    if needs_weights:
        missing += [f"{name}/*.safetensors" for name in NETWORKS if not _weight_files(folder / name)]
    if missing and named is not None:
        raise ModelError(f"base model {named}: not a diffusers pipeline's repository, it lacks {', '.join(missing)}")
    if missing:
        raise ModelError(
            f"base model {folder}: not a diffusers pipeline folder, it lacks {', '.join(missing)}; "
            "give the folder that holds model_index.json"
        )


def refuse_other_families(folder: Path, named: str | None = None) -> None:
    """ModelError, naming the kind, where the folder's configuration is another pipeline's; arguments as `check_folder`.

    It may lack parts.
    """
    index = _read_json(folder / "model_index.json")
    class_name = str(index.get("_class_name", ""))
    if (folder / "text_encoder_2").exists() and "Diffusion3" not in class_name and "Flux" not in class_name:
        class_name = "XL"
    for word, family in _OTHER_FAMILIES.items():
        if word in class_name:
            raise ModelError(f"base model {named or folder}: this is {family}; {ONLY_SD}")
    channels = _read_json(folder / "unet" / "config.json").get("in_channels")
    latents = _read_json(folder / "vae" / "config.json").get("latent_channels")
    if isinstance(channels, int) and isinstance(latents, int) and channels > latents:
        raise ModelError(f"base model {named or folder}: this is {more_channels(channels, latents)}; {ONLY_SD}")


def more_channels(channels: int, latents: int) -> str:
    """What a UNet is that reads more than the noisy latents."""
    if channels == 2 * latents + 1:
        return "an inpainting model"
    return f"a model whose UNet reads {channels} channels where the latents have {latents} (depth, edit or upscaling)"


def _read_json(file: Path) -> dict[str, object]:
    """An object of a file; empty where there is none, which is told as a missing part."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelError(f"base model file {file}: cannot be read as JSON ({error}); get it again") from error
    return content if isinstance(content, dict) else {}


def check_safetensors(file: Path) -> dict[str, list[int]]:
    """Shapes by name; ModelError unless the header can be read and the file is as long as the header says."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            beginning = stream.read(8)
            if beginning.startswith(ZIP):
                raise ModelError(
                    f"base model file {file}: a pickle by its content; rename it .ckpt, or .bin in a diffusers folder"
                )
            header_size = int.from_bytes(beginning, "little")
            header = json.loads(stream.read(min(header_size, size, HEADER_BYTES)))
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        ends = [entry["data_offsets"][1] for entry in entries.values()]
        shapes = {name: entry["shape"] for name, entry in entries.items()}
    except OSError as error:
        raise ModelError(f"base model file {file}: cannot be read ({error.strerror}); get it again") from error
    except (ValueError, AttributeError, KeyError, TypeError, IndexError) as error:
        raise ModelError(f"base model file {file}: truncated or not a safetensors file; get it again") from error
    expected = 8 + header_size + max(ends, default=0)
    if size != expected:
        raise ModelError(f"base model file {file}: {size} bytes where its header says {expected}; get it again")
    return shapes


class WeightKind(NamedTuple):
    """Which of the files in a network's folder are read, as `from_pretrained` of diffusers and transformers is asked.

    Attributes:
        variant: ``fp16`` of ``model.fp16.safetensors`` and of ``model.fp16-00001-of-00002.safetensors``; None of plain
            names.
        use_safetensors: and not pickles.
    """

    variant: str | None
    use_safetensors: bool


def weight_kind(folder: Path) -> WeightKind:
    """Plain names before variants, of these ``fp16`` first, and safetensors before pickles."""
    found = [WeightKind(_variant_of(path), path.suffix == ".safetensors") for path in _weight_files(folder)]
    if not found:
        return WeightKind(None, True)
    return min(found, key=lambda kind: (kind.variant is not None, kind.variant != "fp16", not kind.use_safetensors))


def _variant_of(path: Path) -> str | None:
    match = _WEIGHTS.fullmatch(path.name)
    return None if match is None else match["variant"] or match["older"]


def _weight_files(folder: Path) -> list[Path]:
    return [path for suffix in (".safetensors", ".bin") for path in folder.glob(f"[!.]*{suffix}")]
