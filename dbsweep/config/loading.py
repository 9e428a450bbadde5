"""Reading an experiment file, with overrides, into frozen objects; and writing it back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from dbsweep.config.document import Document, read_document
from dbsweep.config.faults import faults_of
from dbsweep.config.overrides import ORIGIN, apply_overrides
from dbsweep.config.schema import Experiment
from dbsweep.errors import ConfigError, Fault


def load_experiment(path: Path, overrides: Sequence[str] = ()) -> Experiment:
    """Reads an experiment file.

    Args:
        path: a YAML file; relative paths in it, photos and models, are resolved against its folder.
        overrides: ``path=value`` strings such as ``train.seed=3``, ``search.learning_rate=[1e-4]`` or
            ``concepts.0.instance_prompt=photo of ohwx man``; the value is read as YAML.

    Raises:
        ConfigError: the file or an override is wrong; carries every fault found.
    """
    document = apply_overrides(read_document(path), overrides)
    try:
        experiment = Experiment.model_validate(document.values, context=path.absolute().parent)
    except ValidationError as error:
        raise ConfigError(str(path), [*document.faults, *faults_of(error, Experiment, document)]) from error
    faults = (*document.faults, *_swept_overrides(experiment, document))
    if faults:
        raise ConfigError(str(path), faults)
    return experiment


def _swept_overrides(experiment: Experiment, document: Document) -> Iterator[Fault]:
    """Overrides of `train` that no trial would see; in a file, where they may stand for a search to come, a note."""
    given = document.values.get("train")
    for name in experiment.search.hidden:
        if isinstance(given, Mapping) and name in given and document.origin(("train", name)) == ORIGIN:
            yield Fault(f"{ORIGIN} train.{name}", f"changes nothing, for search.{name} is swept; set that instead")


def dump_experiment(experiment: Experiment) -> str:
    """The experiment as YAML of the same shape, defaults filled in; `load_experiment` reads it back equal."""
    values = experiment.model_dump(mode="json", exclude_none=True)
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    """Quotes texts with Unicode's own line ends, which PyYAML would write plainly and read back as spaces."""


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if any(end in text for end in "\x85\u2028\u2029") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _quoted)
