"""A small experiment file that each test changes in one place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dbsweep.config.loading import load_experiment
from dbsweep.config.schema import Experiment
from dbsweep.errors import ConfigError

SMALL = """\
name: small
base_model: minisd
concepts:
  - instance_images: photos
    instance_token: ohwx
    class_token: man
    instance_prompt: photo of ohwx man
    class_prompt: photo of man
    sanity_prompts: ["photo of ohwx man, neon style"]
"""

Load = Callable[..., Experiment]
Faults = Callable[..., dict[str, str]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads the small file with more YAML at its end and with overrides."""

    def load_small(more: str = "", *overrides: str, text: str = SMALL) -> Experiment:
        file = tmp_path / "experiment.yaml"
        file.write_text(text + more, encoding="utf-8")
        return load_experiment(file, overrides)

    return load_small


@pytest.fixture
def faults(load: Load) -> Faults:
    """The faults of such a file by their YAML path."""

    def faults_of_small(more: str = "", *overrides: str, text: str = SMALL) -> dict[str, str]:
        with pytest.raises(ConfigError, match=r"experiment\.yaml: ") as caught:
            load(more, *overrides, text=text)
        return {fault.path: fault.message for fault in caught.value.faults}

    return faults_of_small
