"""When and on what a benchmark ran, as its recorded result tells it."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

_NOTABLE = ("avx512_bf16", "avx512f", "avx2")
"""Instruction sets that decide how fast a processor trains, the best first."""


def provenance() -> dict[str, str]:
    """Date (UTC) and machine: ``2 cores, AMD EPYC with avx512_bf16``."""
    return {"date": datetime.datetime.now(datetime.UTC).date().isoformat(), "machine": _machine()}


def _machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    fields: dict[str, str] = {}
    for line in cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else ():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    notable = next((flag for flag in _NOTABLE if flag in fields.get("flags", "").split()), None)
    model = fields.get("model name", "unknown processor")
    return f"{os.cpu_count()} cores, {model}" + (f" with {notable}" if notable else "")
