"""Writing files that other processes see whole or not at all."""

from __future__ import annotations

import errno
import os
import uuid
from pathlib import Path

from dbsweep.errors import DiskError


def write_whole(path: Path, content: bytes) -> None:
    """Writes under another name, then renames; several processes may write the same path at once.

    Raises:
        DiskError: no space left on the disk; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{uuid.uuid4().hex}.part")  # a longer name might be too long
    try:
        part.write_bytes(content)
        os.replace(part, path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskError(f"no space left for {path} ({len(content)} bytes): free some disk space") from error
        raise
    finally:
        part.unlink(missing_ok=True)  # after an interruption too
