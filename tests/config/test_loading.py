"""Whole files: all faults at once, paths, and dumps that load back equal."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbsweep.config.axes import LogUniform, Selected, Uniform, Values
from dbsweep.config.loading import dump_experiment, load_experiment
from dbsweep.config.schema import Evaluate, Experiment, Train
from dbsweep.errors import ConfigError
from tests.config.conftest import SMALL, Faults, Load


def test_defaults_fill_in_what_is_not_said(load: Load):
    experiment = load()
    assert experiment.train == Train()
    assert experiment.search.axes == {}
    assert experiment.evaluate.seed == 420420


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


@pytest.mark.parametrize("number", ["2e-6", "2.0e-6", "0.000002", "'2e-6'", "2E-06", "+2e-6"])
def test_yaml_numbers_without_a_point_are_numbers(load: Load, number: str):
    experiment = load(f"train: {{learning_rate: {number}}}\nsearch: {{learning_rate: [{number}]}}\n")
    assert experiment.train.learning_rate == 2e-6
    assert experiment.search.axes["learning_rate"] == Values(values=(2e-6,))


def test_relative_paths_start_at_the_file(load: Load, tmp_path: Path):
    (tmp_path / "models" / "mine").mkdir(parents=True)
    text = SMALL.replace("minisd", "models/mine").replace(
        "    instance_token", "    class_images: {folder: ../own}\n    instance_token"
    )
    experiment = load("evaluate: {encoder: ./clip}\n", text=text)
    assert experiment.concepts[0].instance_images == tmp_path / "photos"
    assert experiment.concepts[0].class_images.folder == tmp_path.parent / "own"
    assert experiment.base_model == str(tmp_path / "models" / "mine")
    assert experiment.evaluate.encoder == str(tmp_path / "clip")
    assert experiment.output == Path("runs")


@pytest.mark.parametrize("source", ["minisd", "stable-diffusion-v1-5/stable-diffusion-v1-5"])
def test_names_of_models_are_not_paths(load: Load, source: str):
    assert load("", f"base_model={source}").base_model == source


@pytest.mark.parametrize("source", ["model.safetensors", "./model", "sub/model.ckpt"])
def test_model_files_are_paths(load: Load, tmp_path: Path, source: str):
    assert load("", f"base_model={source}").base_model == str(tmp_path / source)


def test_the_home_folder_is_expanded(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    experiment = load("output: ~/runs\n", "concepts.0.instance_images=~/photos", "base_model=~/model")
    assert experiment.concepts[0].instance_images == tmp_path / "home" / "photos"
    assert experiment.base_model == str(tmp_path / "home" / "model")
    assert experiment.output == tmp_path / "home" / "runs"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("sqlite:///mlflow.db", "sqlite:///{here}/mlflow.db"),
        ("sqlite:///../all.db", "sqlite:///{above}/all.db"),
        ("sqlite:///~/all.db", "sqlite:///{here}/home/all.db"),
        ("sqlite:////srv/all.db", "sqlite:////srv/all.db"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
    ],
)
def test_the_file_of_a_store_is_found_from_another_folder(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, kept: str
):
    # `dbsweep track`, given elsewhere, would else make an empty store there and log the run a second time.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert load("", f"tracking.uri={given}").tracking.uri == kept.format(here=tmp_path, above=tmp_path.parent)


def test_an_unknown_home_folder_is_a_fault(faults: Faults):
    found = faults("", "concepts.0.instance_images=~nobody-has-this-name/x", "output=~nobody-has-this-name/x")
    assert found["concepts[0].instance_images"].startswith("has no home folder")
    assert found["output"].startswith("has no home folder")


# ---------------------------------------------------------------- dumps

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
        "grids": [{"prompt": f"{token}", "x": {"axis": "prompt_weight", "values": [1], "word": token}}],
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


def test_one_fault_is_one_line_and_several_are_a_list(load: Load):
    with pytest.raises(ConfigError, match=r"experiment\.yaml: train\.seed: must be [^\n]+$"):
        load("", "train.seed=-1")
    with pytest.raises(ConfigError, match=r"experiment\.yaml: 2 faults\n  train\.\S+: [^\n]+\n  train\.\S+: [^\n]+$"):
        load("", "train.seed=-1", "train.resolution=0")


def test_an_unknown_sampler_is_found_before_anything_runs(faults: Faults):
    (message,) = faults("", "evaluate.sampler='DPM++ 2M karras'").values()
    assert "did you mean `DPM++ 2M Karras`?" in message
