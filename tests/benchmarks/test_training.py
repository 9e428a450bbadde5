"""The training benchmark without the peer's script: a stand-in that only prints what the real one prints."""

from __future__ import annotations

import argparse
import json
import textwrap
from pathlib import Path

import pytest

from benchmarks.training import KEYS, Repeat, command, goals, main, summary, table
from benchmarks.training_case import Case, Inputs, steps_per_second, write_inputs
from benchmarks.training_ours import EVALUATE, Clock, startups, write_experiment
from benchmarks.training_peer import PeerError, PeerRun, finished_steps, peer_arguments, run_peer
from benchmarks.training_phases import measured_shares
from dbsweep.config.loading import load_experiment
from dbsweep.execution.ray.start import HUGE_PAGES
from dbsweep.sweep.planning import make_plan
from dbsweep.training.trainer import PHASES
from tests.training.dreambooth import fresh_models, make_trainer, settings

MIB = 2**20

STAND_IN = """
import argparse, sys, time
parser = argparse.ArgumentParser()
parser.add_argument("--max_train_steps", type=int, required=True)
parser.add_argument("--instance_prompt", required=True)
given, _ = parser.parse_known_args()
print("***** Running training *****", file=sys.stderr)
total = given.max_train_steps
for step in range(total + 1):
    time.sleep(0.01)
    for figures in ("", ", loss=0.384, lr=6e-5"):
        bar = f"\\rSteps:  {100 * step // total}%|##  | {step}/{total} [00:08<00:04,  9.89it/s{figures}]"
        print(bar, end="", file=sys.stderr, flush=True)
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    script = tmp_path / "train_dreambooth.py"
    script.write_text(textwrap.dedent(STAND_IN), encoding="utf-8")
    return script


INPUTS = Inputs(Path("/model"), Path("/photos"), Path("/class images"))


def test_the_script_is_told_what_our_experiment_says(tmp_path: Path):
    arguments = peer_arguments(INPUTS, Case(steps=96, text_encoder=True), tmp_path)
    assert {"--instance_prompt=photo of ohwx man", "--class_prompt=photo of man", "--max_train_steps=96"} <= set(
        arguments
    )
    assert {"--pretrained_model_name_or_path=/model", "--class_data_dir=/class images"} <= set(arguments)
    assert "--num_class_images=48" in arguments  # 12 photos, 4 for each
    assert "--train_text_encoder" in arguments
    assert not any(each.startswith("--rank") for each in arguments)


def test_the_lora_script_is_told_the_rank_and_that_the_text_encoder_rests(tmp_path: Path):
    arguments = peer_arguments(INPUTS, Case(steps=96, text_encoder=False, lora=True), tmp_path)
    assert "--rank=4" in arguments
    assert "--train_text_encoder" not in arguments


def test_our_experiment_has_as_many_steps_and_images_and_shares_nothing(tmp_path: Path):
    inputs = write_inputs(tmp_path)
    assert len(list(inputs.photos.iterdir())) == 12
    assert len(list(inputs.class_images.iterdir())) == 48
    case = Case(steps=24, text_encoder=True, lora=True)
    file = write_experiment(tmp_path, inputs, "both", case, {"text_encoder_ratio": [1.0, 0.0]}, cpus_per_trial=2)
    experiment = load_experiment(file)
    plan = make_plan(experiment)
    assert [branch.end_step for branch in plan.branches] == [24, 24]
    assert sorted(branch.text_encoder_steps for branch in plan.branches) == [0, 24]
    assert all(branch.parent is None for branch in plan.branches)
    assert experiment.train.lora_rank == 4


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        (b"loading\n", 0),
        (b"\rSteps:   0%|          | 0/80 [00:00<?, ?it/s]", 0),
        (b"\rSteps:   1%|  | 1/80 [00:01<01:20, 1.0s/it]\rSteps:   1%|  | 1/80 [00:01<01:20, 1.0s/it, loss=0.3]", 1),
        (b"\rSteps:  50%|\xe2\x96\x88     | 40/80 [00:08<00:04,  9.89it/s, loss=0.384, lr=6e-5]\rSteps:  51%|", 40),
        (b"\rFetching 4 files: 3/4 [00:01<00:00]", 0),
    ],
)
def test_the_last_bar_tells_the_finished_steps(text: bytes, steps: int):
    assert finished_steps(text) == steps


def test_a_run_of_the_script_is_timed_from_outside(stand_in: Path, tmp_path: Path):
    run = run_peer(stand_in, peer_arguments(INPUTS, Case(24, text_encoder=True), tmp_path))
    assert 0.0 < run.first_step_s < run.seconds
    assert 5 < run.steps_per_s <= 100  # a step sleeps 10 ms
    assert run.memory_bytes > MIB


def test_a_script_that_fails_is_refused_with_its_last_words(tmp_path: Path):
    script = tmp_path / "train_dreambooth_lora.py"
    script.write_text('raise ValueError("your PEFT is too old")', encoding="utf-8")
    with pytest.raises(PeerError, match=r"train_dreambooth_lora\.py ended with 1: ValueError: your PEFT is too old"):
        run_peer(script, [])


def test_the_script_does_not_find_what_our_workers_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    script = tmp_path / "train_dreambooth.py"
    script.write_text('import os; raise ValueError(os.environ.get("GLIBC_TUNABLES"))', encoding="utf-8")
    monkeypatch.setenv("GLIBC_TUNABLES", HUGE_PAGES)
    with pytest.raises(PeerError, match="ValueError: None"):
        run_peer(script, [])
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.check=0")  # a person's own
    with pytest.raises(PeerError, match=r"ValueError: glibc\.malloc\.check=0"):
        run_peer(script, [])


def test_a_script_without_steps_is_refused(tmp_path: Path):
    script = tmp_path / "train_dreambooth.py"
    script.write_text("", encoding="utf-8")
    with pytest.raises(PeerError, match="ended with 0: it printed nothing"):
        run_peer(script, [])


def test_steps_per_second_leaves_the_warm_up_out():
    # ten slow steps, then two of half a second
    assert steps_per_second((*range(0, 55, 5), 50.5, 51.0)) == 2.0
    with pytest.raises(ValueError, match="11 steps are too few"):
        steps_per_second(tuple(range(11)))


def clock(*, on: bool, begun: float, step_s: float, process: int = 1, memory: int = 900) -> Clock:
    steps = tuple(begun + 1.0 + step_s * step for step in range(12))
    return Clock(on, process, begun, ended=steps[-1] + 2.0, steps=steps, memory_bytes=memory * MIB)


def peer(steps_per_s: float) -> PeerRun:
    return PeerRun(first_step_s=9.0, steps_per_s=steps_per_s, seconds=20.0, memory_bytes=1000 * MIB)


def test_a_start_counts_from_the_end_of_the_trial_before_in_the_same_process():
    first = clock(on=True, begun=0.0, step_s=1.0)  # ends at 1 + 11 + 2 = 14
    second = clock(on=False, begun=16.0, step_s=1.0)  # first step at 17
    other = clock(on=False, begun=20.0, step_s=1.0, process=2)
    assert startups([first, second, other]) == [3.0]


def both(peers: dict[bool, PeerRun], sweep_s: float | None = 64.0) -> Repeat:
    ours = (clock(on=True, begun=0.0, step_s=0.0625), clock(on=False, begun=4.6875, step_s=0.05))
    return Repeat(peers, ours, sweep_s, trials=8)


def test_ratios_are_ours_over_the_script_s():
    ratios = both({True: peer(8.0), False: peer(10.0)}).ratios()
    assert ratios["text_encoder_on"] == pytest.approx(16 / 8)
    assert ratios["text_encoder_frozen"] == pytest.approx(20 / 10)
    assert ratios["memory"] == pytest.approx(0.9)
    # the first ends at 1 + 11 / 16 + 2 = 3.6875, the second's first step ends at 5.6875
    assert ratios["startup"] == pytest.approx(9 / 2)
    assert ratios["sweep"] == pytest.approx(8 * 20 / 64)


def test_what_the_script_cannot_do_is_not_measured_and_not_met():
    result = summary([both({False: peer(10.0)}, sweep_s=None)] * 3, "lora_")
    assert result["lora_text_encoder_on"] is None
    assert result["lora_sweep"] is None
    assert result["lora_text_encoder_frozen"] == pytest.approx(2.0)
    met = goals(result)
    assert met == {f"lora_{key}": key not in ("text_encoder_on", "sweep") for key in KEYS}


def test_the_table_says_what_was_missed():
    result = summary([both({True: peer(16.0), False: peer(10.0)})])
    result |= {"phases": {"text encoder on": {"forward": 0.25}}, "failed": {"lora_x": "your PEFT is too old"}}
    lines = table(result)
    assert [line.split()[0] for line in lines if "MISSED" in line] == ["text_encoder_on"]
    assert "lora_x: your PEFT is too old" in lines
    assert "a step, text encoder on: forward 25.0%" in lines


def test_the_shares_of_a_step_are_those_of_its_phases(tiny_sd: Path):
    shares = measured_shares(make_trainer(fresh_models(tiny_sd), settings()), steps=2)
    assert list(shares) == [*PHASES, "other"]
    assert sum(shares.values()) == pytest.approx(1.0, abs=0.001)
    assert all(shares[phase] > 0 for phase in PHASES)
    assert shares["backward"] > shares["data"]


def test_the_command_names_the_scripts_that_were_given_without_their_folders():
    given = argparse.Namespace(
        peer=Path("/x/train.py"), peer_lora=None, repeats=5, steps=96, trials=0, cores=2, only_sweep=False
    )
    amounts = "--repeats 5 --steps 96 --trials 0 --cores 2"
    assert command(given) == f"python -m benchmarks.training --peer train.py {amounts}"


@pytest.mark.slow
def test_the_whole_benchmark_against_the_stand_in(
    stand_in: Path, ray_session: None, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(EVALUATE, "num_inference_steps", 2)
    monkeypatch.setattr("benchmarks.training.PROFILED_STEPS", 2)
    main(["--peer", str(stand_in), "--quick", "--trials", "0", "--json"])
    result = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert set(KEYS) <= set(result)
    assert result["text_encoder_on"] > 0
    assert result["startup"] > 0
    assert result["sweep"] is None
    (figures,) = result["repeats"]
    assert set(figures["our_steps_per_s"]) == {"on", "frozen"}
    assert set(result["phases"]) == {"text encoder on", "text encoder frozen"}
