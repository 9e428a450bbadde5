"""One picture a checkpoint for MLflow: a row a prompt, a column a seed."""

from __future__ import annotations

import uuid
from pathlib import Path

from PIL import Image

from dbsweep.records.results import Scorecard

CELL_PIXELS = 192
"""Side of a cell; larger images are scaled down: full size lies in the run folder."""

GAP_PIXELS = 4


def write_sheet(card: Scorecard, run_folder: Path, folder: Path, *, step: int, timestamp_ms: int) -> tuple[Path, ...]:
    """Writes the contact sheet of a checkpoint under the names that MLflow's step slider looks for.

    The names follow `mlflow.client.MlflowClient.log_image` (3.17) but end in a number made from the checkpoint's
    id instead of a random one, so that writing again replaces. Returns the picture and its small copy.
    """
    prompts = list(dict.fromkeys((image.kind, image.concept, image.prompt_index) for image in card.images))
    seeds = list(dict.fromkeys(image.seed for image in card.images))
    size = CELL_PIXELS + GAP_PIXELS
    sheet = Image.new("RGB", (len(seeds) * size - GAP_PIXELS, len(prompts) * size - GAP_PIXELS), "white")
    for image in card.images:
        row = prompts.index((image.kind, image.concept, image.prompt_index))
        with Image.open(run_folder / image.path) as picture:
            method = Image.Resampling.NEAREST if picture.width < CELL_PIXELS else Image.Resampling.LANCZOS
            cell = picture.convert("RGB").resize((CELL_PIXELS, CELL_PIXELS), method)
        sheet.paste(cell, (seeds.index(image.seed) * size, row * size))
    number = uuid.uuid5(uuid.NAMESPACE_OID, card.checkpoint)
    stem = f"samples+step+{step}+timestamp+{timestamp_ms}+{number}"
    files = (folder / f"{stem}.png", folder / f"{stem}+compressed.webp")
    sheet.save(files[0])
    sheet.resize((sheet.width // 2, sheet.height // 2)).save(files[1])
    return files
