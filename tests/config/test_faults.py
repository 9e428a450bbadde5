"""All faults of a file at once, each with its path and line."""

from __future__ import annotations

import pytest

from dbsweep.errors import ConfigError
from tests.config.conftest import SMALL, Faults, Load


def test_every_fault_is_listed_at_once(faults: Faults):
    found = faults(
        "train: {learning_rate: -1e-6, sead: 3, resolution: 65}\n"
        "train: {learning_rate: -1e-6, sead: 3, resolution: 65}\n"
        "search: {epochs: [], learning_rate: [1e-4, 0]}\n"
        "evaluate: {images_per_prompt: 1}\n",
        "concepts.7.class_prompt=x",
        text=SMALL.replace("name: small", "nam: small"),
    )
    assert found == {
        "train": "is given twice, on lines 10 and 11; keep one",
        "--set concepts.7.class_prompt=x": "`concepts` is a list; its items are 0 to 0, got '7'",
        "name": "is missing: name of the run and of its folder",
        "nam": "is an unknown key; did you mean `name`? (line 1)",
        "train.learning_rate": "must be greater than 0, got '-1e-6' (line 11)",
        "train.sead": "is an unknown key; did you mean `seed`? (line 11)",
        "train.resolution": "must be a multiple of 8, got 65 (line 11)",
        "search.epochs": "an axis needs at least one value, got none; give values or remove the key (line 12)",
        "search.learning_rate[1]": "must be greater than 0, got 0 (line 12)",
        "evaluate.images_per_prompt": "must be at least 2, got 1 (line 13)",
    }


def test_one_fault_is_one_line_and_several_are_a_list(load: Load):
    with pytest.raises(ConfigError, match=r"experiment\.yaml: train\.seed: must be [^\n]+$"):
        load("", "train.seed=-1")
    with pytest.raises(ConfigError, match=r"experiment\.yaml: 2 faults\n  train\.\S+: [^\n]+\n  train\.\S+: [^\n]+$"):
        load("", "train.seed=-1", "train.resolution=0")


def test_an_unknown_sampler_is_found_before_anything_runs(faults: Faults):
    (message,) = faults("", "evaluate.sampler='DPM++ 2M karras'").values()
    assert "did you mean `DPM++ 2M Karras`?" in message


def test_what_a_section_allows_is_listed_once(faults: Faults):
    """A page of settings from elsewhere is answered by a page, not by a list of dozens of words for each."""
    found = faults("zzz: 1\nyyy: 2\ntrain: {zzz: 1, yyy: 2}")
    assert found["zzz"].startswith("is an unknown key; allowed: name, base_model, ")
    assert found["yyy"] == "is an unknown key (line 11)"
    assert found["train.zzz"].startswith("is an unknown key; allowed: ")
    assert found["train.yyy"] == "is an unknown key (line 12)"
