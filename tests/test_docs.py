"""What pages and docstrings name exists: links, commands with their options, settings by their paths, the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import typer.main
from pydantic import BaseModel

from dbsweep.cli import app
from dbsweep.config.concept import Concept
from dbsweep.config.loading import load_experiment
from dbsweep.config.schema import Experiment
from dbsweep.config.train import Train

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
MODULES = sorted(ROOT.glob("dbsweep/**/*.py"))
SECTIONS = ("train", "evaluate", "checkpoints", "search", "resources", "tracking", "choose", "verdict", "class_images")


def places(pattern: str) -> list[tuple[Path, str]]:
    """All that a pattern's first group finds, with its page, each once."""
    found = [(page, text) for page in PAGES for text in re.findall(pattern, page.read_text(encoding="utf-8"))]
    return sorted(set(found))


def commands() -> list[tuple[Path, str]]:
    """What follows `dbsweep` in fenced blocks and in code within a line."""
    lines = places(r"(?m)^(?: *|.*&& )dbsweep ([a-z].*)$") + places(r"`dbsweep ([^`]+)`")
    fenced = {page: "".join(re.findall(r"```.*?```", page.read_text(encoding="utf-8"), re.DOTALL)) for page in PAGES}
    return [(page, text) for page, text in lines if f"`dbsweep {text}`" in page.read_text() or text in fenced[page]]


def whole_files() -> list[tuple[Path, str]]:
    """Experiment files that a page shows from beginning to end."""
    return [(page, text) for page, text in places(r"(?s)```yaml\n(.*?)```") if re.search(r"(?m)^name:", text)]


@pytest.mark.parametrize(("page", "text"), whole_files())
def test_experiment_files_on_the_pages_are_whole(page: Path, text: str, tmp_path: Path) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text(text, encoding="utf-8")
    assert load_experiment(file).concepts


def test_kohyas_lora_as_an_experiment_changes_the_layers_that_it_changes_there(tmp_path: Path) -> None:
    file = tmp_path / "experiment.yaml"
    (text,) = [text for page, text in whole_files() if page.name == "coming-from.md"]
    file.write_text(text, encoding="utf-8")
    assert load_experiment(file).train.lora_targets == "linear"


def test_there_are_experiment_files_on_the_pages() -> None:
    assert whole_files()


def headings(page: Path) -> set[str]:
    """As GitHub names them in links."""
    found = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_there_are_pages() -> None:
    assert len(PAGES) > 6


@pytest.mark.parametrize(("page", "link"), places(r"\]\((?!http)([^)\s]+)\)"))
def test_links_lead_somewhere(page: Path, link: str) -> None:
    path, _, heading = link.partition("#")
    target = page.parent / path if path else page
    assert target.exists()
    assert not heading or heading in headings(target)


@pytest.mark.parametrize(("page", "line"), commands())
def test_commands_exist_with_their_options(page: Path, line: str) -> None:
    words = line.split("#")[0].split()
    command = typer.main.get_command(app)
    while (subcommands := getattr(command, "commands", None)) and words and words[0] in subcommands:
        command = subcommands[words.pop(0)]
    assert getattr(command, "commands", None) is None, f"{line!r} names no command"
    options = {name for parameter in command.params for name in parameter.opts}
    assert set(re.findall(r"--[a-z-]+", line)) <= options


@pytest.mark.parametrize(
    ("page", "path"), places(rf"(?<![\w/.])((?:{'|'.join(SECTIONS)})\.[a-z_]+(?:\.[a-z_]+)*)(?![\w/(])")
)
def test_settings_exist(page: Path, path: str) -> None:
    if path.split(".")[-1] in ("py", "md", "json", "yaml"):
        return
    model: type[BaseModel] | None = Concept if path.startswith("class_images.") else Experiment
    for name in path.split("."):
        assert model is not None, f"{path} has nothing below {name}"
        if name == "axes" or model.__name__ == "Search":
            return  # any setting of `train` may stand there
        assert name in model.model_fields
        kind = model.model_fields[name].annotation
        model = kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


@pytest.mark.parametrize(("page", "path"), places(r"`((?:\w+/)+\w+\.py)`"))
def test_files_of_the_code_exist(page: Path, path: str) -> None:
    assert (ROOT / path).is_file() or (ROOT / "dbsweep" / path).is_file()


@pytest.mark.parametrize(("page", "path"), places(r"`((?:benchmarks|docs|experiments|tests)/[\w./]*)`"))
def test_other_files_and_folders_exist(page: Path, path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize(("page", "module"), places(r"python -m ((?:benchmarks|dbsweep)[\w.]*)"))
def test_modules_that_can_be_run_exist(page: Path, module: str) -> None:
    assert ROOT.joinpath(*module.split(".")).with_suffix(".py").is_file()


@pytest.mark.parametrize(("page", "path"), places(r"`(\w+` in `(?:\w+/)+\w+\.py)`"))
def test_what_is_in_a_file_of_the_code_is_there(page: Path, path: str) -> None:
    name, _, file = path.partition("` in `")
    assert name in top_names(ROOT / "dbsweep" / file)


def keys() -> list[tuple[str, ...]]:
    """The settings of each row of a table whose first column is called key."""
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    tables = re.findall(r"\| key .*\n\|-.*\n((?:\|.*\n)+)", page)
    return [
        tuple(re.findall(r"`(\w+)`", row.split("|")[1].split("(")[0])) for table in tables for row in table.splitlines()
    ]


@pytest.mark.parametrize("row", keys())
def test_keys_of_tables_are_settings_of_the_training(row: tuple[str, ...]) -> None:
    assert row
    assert set(row) <= {*Train.model_fields, "clip_skip"}


def named_in_code() -> list[tuple[Path, str]]:
    """The dotted names in backticks of all modules, and where."""
    found = [(file, re.findall(r"`(dbsweep(?:\.\w+)+)`", file.read_text(encoding="utf-8"))) for file in MODULES]
    return sorted({(file, name) for file, names in found for name in names})


@pytest.mark.parametrize(("file", "name"), named_in_code())
def test_names_in_docstrings_exist(file: Path, name: str) -> None:
    path = ROOT.joinpath(*name.split("."))
    if path.is_dir() or path.with_suffix(".py").is_file():
        return
    module = path.parent.with_suffix(".py")
    assert module.is_file(), f"{file.name}: {name} is in no module of that name"
    assert path.name in top_names(module), f"{file.name}: {module.name} has no {path.name}"


def top_names(module: Path) -> set[str]:
    """Functions, classes and constants that a module defines."""
    names: set[str] = set()
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        for target in node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]:
            if isinstance(target, ast.Name):
                names.add(target.id)
    return names
