"""`python -m dbsweep.minisd.install [OUT]` installs trained weights and renews the card."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from dbsweep.minisd.folder import file_hashes, replace_folder, total_bytes
from dbsweep.minisd.paths import MAX_BYTES, WEIGHTS

CARD: Final = Path(__file__).parent / "MODEL_CARD.md"
TABLE_HEAD: Final = "| file | SHA-256 |\n|---|---|\n"


def hash_table(root: Path) -> str:
    """Return a Markdown table of every file under `root` with its SHA-256."""
    return TABLE_HEAD + "".join(f"| `{name}` | `{digest}` |\n" for name, digest in file_hashes(root).items())


def renewed(card: str, root: Path) -> str:
    """Return the text of a model card with its table of hashes, which is its last part, made again.

    Raises:
        ValueError: if the card has no table of hashes.
    """
    start = card.find(TABLE_HEAD)
    if start < 0:
        raise ValueError("the model card has no table that starts with `| file | SHA-256 |`")
    return card[:start] + hash_table(root)


def install(out: Path) -> None:
    """Copy the pipeline and the open_clip model of a finished training into the package.

    Raises:
        ValueError: if they are larger than the package may hold.
    """
    size = total_bytes(out / "pipeline") + total_bytes(out / "clip")
    if size > MAX_BYTES:
        raise ValueError(f"the weights under {out} take {size:,} bytes, at most {MAX_BYTES:,} are allowed")
    for name in ("pipeline", "clip"):
        replace_folder(WEIGHTS / name, partial(shutil.copytree, out / name))


def main(arguments: Sequence[str]) -> None:
    """Install the weights under the folder given, if one is, and renew the card."""
    if arguments:
        install(Path(arguments[0]))
    CARD.write_text(renewed(CARD.read_text(encoding="utf-8"), WEIGHTS), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
