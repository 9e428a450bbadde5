"""The experiment file as plain values, each with the line it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from dbsweep.config.problems import Location
from dbsweep.errors import ConfigError, Fault

_MERGE_TAG = "tag:yaml.org,2002:merge"

_LOOK_AROUND = (
    "; in this line or the one above: a colon has a space after it, keys of one section begin below one another, and"
    " text that holds a colon needs quotes"
)
_ADVICE = {
    "escape": "; in double quotes a backslash begins an escape: write the path with / or in single quotes",
    r"\t": "; indent with spaces, not with tabs",
    "mapping values are not allowed": _LOOK_AROUND,
    "<block end>": _LOOK_AROUND,
    "could not find expected ':'": _LOOK_AROUND,
}
"""What to say after the YAML library's words, by a part of them."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a YAML file says, before anyone asks whether it is an experiment.

    Attributes:
        values: its root.
        origins: where the value at a location was given: ``line 12`` or ``--set``.
        faults: faults of the file that did not keep it from being read, such as keys that are given twice.
    """

    values: dict[object, object]
    origins: Mapping[Location, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    def origin(self, at: Location) -> str | None:
        """Where a location, or the innermost section around it, was given."""
        while at and at not in self.origins:
            at = at[:-1]
        return self.origins.get(at)


def fault_path(at: Location) -> str:
    """A location in the notation of the messages: ``search.learning_rate[1]``."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in at)
    return text.removeprefix(".")


def read_document(path: Path) -> Document:
    """Reads a YAML file.

    Raises:
        ConfigError: it cannot be read, is not UTF-8, not YAML, empty, or not a mapping.
    """
    text = _read_text(path)
    try:
        return _parse(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f"line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        problem = error.problem or error.context or ""
        advice = next((said for sign, said in _ADVICE.items() if sign in problem), "")
        reason = f"is not YAML: {problem}{advice}{_other_trainers(path)}"
        raise ConfigError(str(path), [Fault(at, reason)]) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
        raise ConfigError(str(path), [Fault("", f"is not YAML: {reason}")]) from error
    except _NotAnExperiment as error:
        raise ConfigError(str(path), [Fault("", f"{error}{_other_trainers(path)}")]) from error


def _other_trainers(path: Path) -> str:
    """What more to say of a file that may be made for kohya's scripts, OneTrainer or SimpleTuner."""
    if path.suffix.lower() not in (".toml", ".json"):
        return ""
    return (
        "; of another trainer? An experiment is one YAML file: experiments/quickstart.yaml is one to begin with, and"
        " docs/coming-from.md tells where to find what you know"
    )


class _NotAnExperiment(Exception):
    """The file is YAML, but of the wrong shape altogether."""


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        reason = f"is not UTF-8 text (byte 0x{byte:02x} at offset {error.start}); save it as UTF-8"
    except FileNotFoundError:
        reason = "there is no such file; experiments/quickstart.yaml is one to begin with"
    except IsADirectoryError:
        reason = "is a folder; name an experiment file in it"
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
    raise ConfigError(str(path), [Fault("", reason)])


def _parse(text: str) -> Document:
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise _NotAnExperiment("is empty; experiments/quickstart.yaml is one to begin with")
        if not isinstance(node, yaml.MappingNode):
            raise _NotAnExperiment("must be a mapping of keys such as `name:` and `concepts:`")
        survey = _Survey()
        survey.visit(node, ())
        # Duplicates are looked for first: construction keeps the last of them without a word.
        return Document(loader.construct_document(node), survey.origins, tuple(survey.faults))
    finally:
        loader.dispose()


class _Survey:
    """A walk over the YAML nodes that notes lines and keys that are given twice."""

    def __init__(self) -> None:
        self.origins: dict[Location, str] = {}
        self.faults: list[Fault] = []
        self._open: set[int] = set()
        self._visited: set[int] = set()

    def visit(self, node: yaml.Node, at: Location) -> None:
        """Notes a node and what is below it, each aliased node once."""
        if at:
            self.origins[at] = f"line {node.start_mark.line + 1}"
        if id(node) in self._open:
            raise _NotAnExperiment(f"`{fault_path(at)}` contains itself; remove the YAML alias")
        if id(node) in self._visited:
            return
        self._visited.add(id(node))
        self._open.add(id(node))
        if isinstance(node, yaml.MappingNode):
            self._visit_mapping(node, at)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self.visit(item, (*at, index))
        self._open.remove(id(node))

    def _visit_mapping(self, node: yaml.MappingNode, at: Location) -> None:
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE_TAG:
                self.visit(value, at)
                continue
            line = key.start_mark.line + 1
            if key.value in lines:
                message = f"is given twice, on lines {lines[key.value]} and {line}; keep one"
                self.faults.append(Fault(fault_path((*at, key.value)), message))
            lines.setdefault(key.value, line)
            self.visit(value, (*at, key.value))
            self.origins[(*at, key.value)] = f"line {line}"
