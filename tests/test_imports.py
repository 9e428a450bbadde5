"""Imports point one way (the order of docs/architecture.md), and the command line starts light."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import dbsweep

PACKAGE = Path(dbsweep.__file__).parent

# Rooms of one rank do not import each other; a room may import those of earlier ranks.
RANKS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "records", "__init__"}),
    frozenset({"config"}),
    frozenset({"plan", "selection"}),
    frozenset({"models"}),
    frozenset({"concepts", "sampling"}),
    frozenset({"training", "scoring", "postprocess", "captioning", "prompting", "minisd"}),
    frozenset({"execution", "tracking", "reports"}),
    frozenset({"sweep"}),
    frozenset({"commands"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)
# Which folder alone may import a heavy package.
OWNERS = {
    "ray": {"execution/ray"},
    "mlflow": {"tracking"},
    "open_clip": {"scoring", "minisd"},
    "spandrel": {"postprocess"},
    "timm": {"captioning"},
}
LIGHT = {"errors", "records", "config", "plan", "selection", "commands", "cli", "__init__", "__main__"}
HEAVY = {"torch", "spandrel", "diffusers", "transformers", "open_clip", "ray", "mlflow", "pandas", "timm"}


def room_of(path: Path) -> str:
    """``dbsweep/config/schema.py`` → ``config``; ``dbsweep/cli.py`` → ``cli``."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    """Dotted names of all modules that a file imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; name the defining module"
            names.add(node.module or "")
            if node.module in PACKAGES:
                names |= {f"{node.module}.{alias.name}" for alias in node.names if alias.name != "__version__"}
    return names


def name_of(path: Path) -> str:
    """``dbsweep/config/schema.py`` → ``dbsweep.config.schema``; ``dbsweep/config/__init__.py`` → ``dbsweep.config``."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def rank_of(room: str) -> int:
    return next(i for i, rooms in enumerate(RANKS) if room in rooms)


FILES = sorted(PACKAGE.rglob("*.py"))
PACKAGES = {name_of(f) for f in FILES if f.name == "__init__.py"}


def test_every_room_has_its_rank_and_every_rank_its_rooms() -> None:
    assert {room_of(f) for f in FILES} == frozenset().union(*RANKS)


def test_the_page_tells_this_order_and_what_lives_in_each_room() -> None:
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"(?m)^`(errors.*→.*)`$", page)
    told = [set(rank.split(", ")) for rank in line.split(" → ")]
    unwritten = {"__init__", "__main__"}
    assert told == [set(rank - unwritten) for rank in RANKS if rank - unwritten]
    table = page.partition("| room |")[2].partition("\n\n")[0]
    rooms = [name for row in table.splitlines() for name in re.findall(r"`(\w+/?)`", row.split("|")[1])]
    found = {room_of(f) + "/" * (len(f.relative_to(PACKAGE).parts) > 1) for f in FILES}
    assert sorted(rooms) == sorted(found - unwritten)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_imports_only_from_earlier_rooms(path: Path) -> None:
    room = room_of(path)
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] == "dbsweep" and len(parts) > 1 and parts[1] != room:
            assert rank_of(parts[1]) < rank_of(room), f"{room} must not import {name}"
        if parts[0] in OWNERS:
            folder = path.parent.relative_to(PACKAGE).as_posix()
            assert folder in OWNERS[parts[0]], f"only {sorted(OWNERS[parts[0]])} may import {parts[0]}"
        if room in LIGHT:
            assert parts[0] not in HEAVY, f"{room} must stay light, but imports {name}"


@pytest.mark.parametrize(("parts", "what"), [(3, "folders"), (None, "files")])
def test_nothing_imports_itself_by_way_of_others(parts: int | None, what: str) -> None:
    """Imports within functions and for types alone count: what needs each other is one thing, or lacks a third.

    A room's folder is looked at whole, beside the files that lie in the room itself.
    """

    def place(name: str) -> str:
        return ".".join(name.split(".")[:parts])

    files = {name_of(f): f for f in FILES}
    arrows: dict[str, set[str]] = {}
    for name, path in files.items():
        needed = {place(other) for other in imports_of(path) & files.keys()}
        arrows.setdefault(place(name), set()).update(needed - {place(name)})
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        pytest.fail(f"{what} in a circle: {' <- '.join(error.args[1])}")


ON_POSIX_ALONE = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_what_windows_lacks_is_imported_where_it_is_needed(path: Path) -> None:
    at_the_top = ast.Module(ast.parse(path.read_text(encoding="utf-8")).body, [])
    names = {name.name for node in at_the_top.body if isinstance(node, ast.Import) for name in node.names} | {
        node.module for node in at_the_top.body if isinstance(node, ast.ImportFrom)
    }
    assert not names & ON_POSIX_ALONE


def modules_after(statement: str) -> set[str]:
    """Modules loaded by a fresh interpreter that runs the statement."""
    code = f"{statement}\nimport sys; print(*sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import dbsweep.cli",
        "import dbsweep.config.loading",
        "import dbsweep.plan.plan",
        "import dbsweep.minisd.paths",
        "import dbsweep.sweep.running",
        "import dbsweep.sweep.postprocessing",
        "import dbsweep.sweep.captioning",
    ],
)
def test_planning_and_help_load_nothing_heavy(statement: str) -> None:
    assert not modules_after(statement) & HEAVY


@pytest.mark.parametrize("module", ["dbsweep.execution.ray.backend", "dbsweep.execution.ray.worker"])
def test_ray_tune_is_loaded_while_others_work(module: str) -> None:
    """Not before the workers have something to do, and not by those that draw the shared inputs."""
    assert not modules_after(f"import {module}") & {"ray.tune", "torch", "mlflow", "pandas"}
