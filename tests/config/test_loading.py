"""Whole files: defaults, axes, and dumps that load back equal."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbsweep.config.axes import LogUniform, Selected, Uniform, Values
from dbsweep.config.loading import dump_experiment, load_experiment
from dbsweep.config.schema import Evaluate, Experiment, Train
from dbsweep.errors import ConfigError
from tests.config.conftest import Load


def test_defaults_fill_in_what_is_not_said(load: Load):
    experiment = load()
    assert experiment.train == Train()
    assert experiment.search.axes == {}
    assert experiment.evaluate.seed == 420420


_words = st.text(max_size=20)
_rate = st.floats(1e-8, 1.0, allow_subnormal=False)
_bounds = st.lists(_rate, min_size=2, max_size=2, unique=True).map(sorted)
_axis = st.one_of(
    _rate,
    st.lists(_rate, min_size=1, max_size=3),
    st.builds(lambda bounds: {"loguniform": bounds}, _bounds),
    st.builds(lambda bounds: {"uniform": bounds}, _bounds),
    st.builds(lambda values: {"choice": values}, st.lists(_rate, min_size=1, max_size=3)),
)


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    token = draw(st.sampled_from(["ohwx", "1e-4", "<cat-toy>", "yes", "2026-11-22", "null", "ohwx person", "中"]))
    extra = draw(_words)
    axis = draw(_axis)
    search = {"samples": draw(st.integers(1, 9)), "weight_decay": {"uniform": [0, 0.5]}, "learning_rate": axis}
    values = {
        "name": draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)),
        "base_model": draw(st.sampled_from(["minisd", "some/hub-id"])),
        "concepts": [
            {
                "instance_images": draw(st.sampled_from(["/photos", "/a: b/# c", "/ü"])),
                "instance_token": token,
                "class_token": "man",
                "instance_prompt": f"photo of {token} man",
                "class_prompt": "photo of man",
                "sanity_prompts": [f"{token} man, {extra}"],
                "class_images": {"negative_prompt": draw(_words)},
            }
        ],
        "train": {"gradient_checkpointing": draw(st.booleans()), "lr_scheduler": draw(st.sampled_from(["cosine"]))},
        "search": {**search, "epochs": [1, 2], "lr_scheduler": ["linear", "constant"]},
        "grids": [
            {
                "prompt": f"{token}",
                "x": {"axis": "prompt_weight", "values": [1], "word": token},
                "y": {"axis": "merge_ratio", "values": [0, 0.75], "into": draw(st.sampled_from(["minisd", "/ü: b"]))},
            }
        ],
        "tracking": {"uri": draw(st.none() | st.text(min_size=1, max_size=20))},
    }
    return Experiment.model_validate(values)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(experiment=experiments())
def test_a_dump_loads_back_equal(tmp_path: Path, experiment: Experiment):
    file = tmp_path / "dump.yaml"
    file.write_text(dump_experiment(experiment), encoding="utf-8", newline="\n")
    assert load_experiment(file) == experiment
    assert Experiment.model_validate_json(experiment.model_dump_json()) == experiment


@pytest.mark.parametrize("text", ["\x85", "a\u2028b", "\u2029 c"])
def test_a_dump_keeps_unicodes_line_ends(load: Load, tmp_path: Path, text: str):
    experiment = load().model_copy(update={"evaluate": Evaluate(negative_prompt=text)})
    (tmp_path / "dump.yaml").write_text(dump_experiment(experiment), encoding="utf-8", newline="\n")
    assert load_experiment(tmp_path / "dump.yaml") == experiment


def test_a_dump_has_the_shape_of_the_file(load: Load):
    experiment = load("search: {samples: 8, learning_rate: {loguniform: [1e-6, 1e-4]}, epochs: [2, 4]}\n")
    text = dump_experiment(experiment)
    assert (
        "search:\n  samples: 8\n  scheduler: outrun\n  learning_rate:\n    loguniform:\n    - 1.0e-06\n    - 0.0001\n"
        in text
    )
    assert "  epochs:\n  - 2\n  - 4\n" in text


def test_a_dump_can_be_loaded_from_another_folder(load: Load, tmp_path: Path):
    experiment = load()
    elsewhere = tmp_path / "runs" / "small"
    elsewhere.mkdir(parents=True)
    (elsewhere / "experiment.yaml").write_text(dump_experiment(experiment), encoding="utf-8")
    assert load_experiment(elsewhere / "experiment.yaml") == experiment


def test_axes_are_read_by_their_form(load: Load):
    search = load(
        "search:\n  samples: 3\n  learning_rate: 1e-4\n  epochs: {uniform: [2, 9]}\n"
        "  text_encoder_ratio: {choice: [0, 1]}\n  weight_decay: {loguniform: [1e-3, 1e-1]}\n"
    ).search
    assert search.samples == 3
    assert search.axes == {
        "learning_rate": Values(values=(1e-4,)),
        "epochs": Uniform(uniform=(2, 9)),
        "text_encoder_ratio": Selected(choice=(0.0, 1.0)),
        "weight_decay": LogUniform(loguniform=(1e-3, 1e-1)),
    }


def test_a_missing_file_is_one_fault(tmp_path: Path):
    with pytest.raises(ConfigError, match="there is no such file"):
        load_experiment(tmp_path / "none.yaml")
