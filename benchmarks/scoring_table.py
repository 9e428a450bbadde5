"""What is kept of the sweeps of `benchmarks.scoring`: every checkpoint's scorecards, no pictures."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.selection_curves import CardData
from dbsweep.config.choosing import Choosing
from dbsweep.records.record import Record
from dbsweep.records.results import Checkpoint, Scorecard
from dbsweep.selection.utility import JUDGED, utility_for

UTILITY: Final = utility_for(Choosing(), None)
"""That of the defaults."""
DATA: Final = Path(__file__).parent / "data" / "scoring_tables.json.gz"
"""Tables of development sweeps."""


def judged(card: Scorecard) -> CardData:
    """What a choice needs of a scorecard: identity, style and prior."""
    return CardData.of(card.model_copy(update={"scores": {metric: card.scores[metric] for metric in JUDGED}}))


class CheckpointTable(Record):
    """One checkpoint.

    Attributes:
        cards: images a prompt → scorecard, with few sampling steps.
        protocol: by the protocol; None where it could not have been the choice.
    """

    trial: str
    branch: str
    step: int
    epoch: int
    cards: dict[int, CardData]
    protocol: CardData | None

    @property
    def id(self) -> str:
        """``b01-000048``."""
        return f"{self.branch}-{self.step:06d}"

    @property
    def checkpoint(self) -> Checkpoint:
        """The record of a checkpoint whose weights are gone."""
        return Checkpoint(id=self.id, branch=self.branch, step=self.step, epoch=self.epoch, path="", sha256="", bytes=0)


class SweepTable(Record):
    """One sweep.

    Attributes:
        seed: of the subject; klass: its class.
        base: the untrained model's scorecard at a first look.
        evaluations_per_image: of the UNet, with few sampling steps and with the protocol's.
    """

    seed: int
    klass: str
    base: CardData
    evaluations_per_image: int
    protocol_evaluations_per_image: int
    checkpoints: tuple[CheckpointTable, ...]


def write_tables(tables: Sequence[SweepTable], path: Path) -> None:
    """Write a gzipped JSON file, the same bytes for the same tables."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([json.loads(each.model_dump_json()) for each in tables], separators=(",", ":"))
    fresh = path.with_name(f".{path.name}")
    fresh.write_bytes(gzip.compress(text.encode(), mtime=0))
    fresh.replace(path)


def read_tables(path: Path) -> list[SweepTable]:
    """Read what `write_tables` wrote."""
    return [SweepTable.model_validate(each) for each in json.loads(gzip.decompress(path.read_bytes()))]
