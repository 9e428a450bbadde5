"""Whole sweeps by way of a storage: stopped and resumed elsewhere, tidied up, and built upon."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from dbsweep.config.schema import Experiment
from dbsweep.errors import ResourceError, RunError
from dbsweep.execution import loaded
from dbsweep.execution.backend import OnEvent
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.storage import storage_courier
from dbsweep.models.checkpoints import read_manifest
from dbsweep.models.loading import load_base
from dbsweep.records.events import CheckpointScored, Event
from dbsweep.records.names import TrialState
from dbsweep.records.run import RunRecord
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.exporting import export_checkpoint
from dbsweep.sweep.loading import load
from dbsweep.sweep.running import resume_run, run_experiment
from tests.execution.in_process import InProcessBackend, StoredBackend
from tests.execution.tiny_sweep import ColourEncoder
from tests.sweep.files import write_experiment, write_masks

SHORT = (
    "search.epochs=[2, 4]",
    "search.learning_rate=[1e-3]",
    "search.scheduler=none",
    "evaluate.stop_overtrained=false",
)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    # The forecast takes any folder for a full-size model.
    monkeypatch.setattr("dbsweep.sweep.preflight.check_disk", lambda output, needed_bytes: None)
    monkeypatch.setattr(loaded, "encoder", lambda source: ColourEncoder())


def go_to(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the workers of this process are on another machine."""
    (machine / "1").mkdir(parents=True)
    monkeypatch.setattr(storage_courier, "scratch_root", lambda: machine)
    monkeypatch.setattr(storage_courier, "process_scratch", lambda: machine / "1")
    storage_courier._bring_input.cache_clear()
    loaded.reference.cache_clear()


def stored(folder: RunFolder, experiment: Experiment) -> StoredBackend:
    assert experiment.storage is not None
    return StoredBackend(folder, experiment.storage)


def view() -> TerminalView:
    return TerminalView(Console(file=io.StringIO()))


def files(storage: Path, name: str) -> set[str]:
    """Checkpoints of the run `demo` that have a file of that name in the storage."""
    found = (storage / "demo" / "checkpoints").rglob(name)
    return {"-".join(path.relative_to(storage / "demo" / "checkpoints").parts[:2]) for path in found}


def results(record: RunRecord) -> str:
    """As text, for a tiny random model has scores that are not numbers, and these equal nothing."""
    hashes = {key: checkpoint.sha256 for key, checkpoint in record.checkpoints.items()}
    return repr((record.states, record.verdicts, record.choice, hashes))


def test_a_sweep_with_storage_is_stopped_resumed_elsewhere_and_tidied_up(
    tmp_path: Path, tiny_sd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, storage = write_experiment(tmp_path, base=tiny_sd), tmp_path / "storage"
    write_masks(tmp_path)  # which travel with their photos: without them the weights are others
    sets = (*SHORT, "checkpoints.keep=1", "train.background_weight=0.1")
    here = load(file, (*sets, f"output={tmp_path / 'here'}"))
    undisturbed = read_run(run_experiment(here, lambda *_: InProcessBackend(), view()))

    class Interrupted(StoredBackend):
        """Its person presses Ctrl-C at the second checkpoint."""

        def run(self, jobs, on_event: OnEvent) -> None:
            seen = 0

            def pressing(event: Event) -> None:
                nonlocal seen
                on_event(event)
                seen += isinstance(event, CheckpointScored)
                if seen == 2:
                    seen += 1
                    raise KeyboardInterrupt

            super().run(jobs, pressing)

    go_to(tmp_path / "first", monkeypatch)
    there = load(file, (*sets, f"output={tmp_path / 'there'}", f"storage=file://{storage}"))
    with pytest.raises(KeyboardInterrupt):
        run_experiment(there, lambda folder, _: Interrupted(folder, f"file://{storage}"), view())
    folder = RunFolder.open(there.output, "demo")
    assert TrialState.INTERRUPTED in read_run(folder).states.values()
    assert not list((tmp_path / "there").rglob("*.safetensors")), "weights have come to the driver"
    assert files(storage, "state.safetensors"), "nothing to go on from"

    renamed = RunFolder(folder.path.rename(folder.path.with_name("renamed")))
    with pytest.raises(
        RunError, match=r"without its checkpoints: storage .* has them as run 'demo', so give the folder .*/renamed"
    ):
        resume_run(renamed, stored, view())
    renamed.path.rename(folder.path)

    go_to(tmp_path / "second", monkeypatch)
    resume_run(folder, stored, view())
    record = read_run(folder)
    assert results(record) == results(undisturbed)
    kept = {key for key, checkpoint in record.checkpoints.items() if checkpoint.kept}
    assert kept == {key for key, checkpoint in undisturbed.checkpoints.items() if checkpoint.kept}
    assert len(kept) < len(record.checkpoints)
    assert files(storage, "unet.safetensors") == kept
    assert files(storage, "state.safetensors") == set(), "the run is over: nobody goes on from here"
    assert not list((tmp_path / "here").rglob("state.safetensors"))


def test_late_looks_by_way_of_a_storage_are_those_of_one_disk(
    tmp_path: Path, tiny_sd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, storage = write_experiment(tmp_path, base=tiny_sd), tmp_path / "storage"
    sets = (*SHORT, "evaluate.every_epochs=1", "evaluate.look_every=2", "choose.weights.identity=1")
    here = read_run(
        run_experiment(load(file, (*sets, f"output={tmp_path / 'here'}")), lambda *_: InProcessBackend(), view())
    )
    go_to(tmp_path / "machine", monkeypatch)
    there = load(file, (*sets, f"output={tmp_path / 'there'}", f"storage=file://{storage}"))
    folder = run_experiment(there, stored, view())
    record = read_run(folder)
    late = {key for key, checkpoint in record.checkpoints.items() if record.is_late(checkpoint)}
    assert late == {key for key, checkpoint in here.checkpoints.items() if here.is_late(checkpoint)}
    assert late
    assert results(record) == results(here)
    for image in (image for key in late for image in record.scorecards[key].images):
        assert (folder.path / image.path).is_file(), "the driver's report shows it"


def test_a_run_with_storage_is_built_upon_by_others_with_storage_or_without(
    tmp_path: Path, tiny_sd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, storage = write_experiment(tmp_path, base=tiny_sd), tmp_path / "storage"
    short = (*SHORT, "search.epochs=[2]", f"output={tmp_path / 'runs'}", "checkpoints.precision=fp32")
    by_storage = (*short, f"storage=file://{storage}")
    go_to(tmp_path / "first", monkeypatch)
    run_experiment(load(file, (*by_storage, "name=first")), stored, view())
    first = tmp_path / "runs" / "first" / "checkpoints" / "b01" / "000006"
    assert not first.exists()

    # A LoRA is merged into its base, a checkpoint of whole networks needs the base's VAE: both need what is below.
    lora = (*by_storage, "name=second", "base_model=first@best", "train.lora_rank=2")
    go_to(tmp_path / "second", monkeypatch)
    run_experiment(load(file, lora), stored, view())
    assert not list((tmp_path / "second").rglob("state.safetensors"))
    go_to(tmp_path / "third", monkeypatch)
    run_experiment(load(file, (*by_storage, "name=third", "base_model=second@best")), stored, view())
    run_experiment(load(file, (*short, "name=fourth", "base_model=third@best")), lambda *_: InProcessBackend(), view())

    checkpoints = tmp_path / "runs" / "third" / "checkpoints"
    manifest = read_manifest(next(checkpoints.rglob("manifest.json")).parent)
    assert manifest.base is not None
    assert manifest.base.source.startswith(str(tmp_path / "runs" / "second"))
    fourth = read_run(RunFolder(tmp_path / "runs" / "fourth"))
    assert fourth.base_sha256 == load_base(str(next(checkpoints.rglob("manifest.json")).parent)).sha256
    export_checkpoint("third@best", tmp_path / "runs", tmp_path / "out", form="diffusers", note=lambda line: None)
    assert load_base(str(tmp_path / "out")).sha256 == fourth.base_sha256


def test_a_base_that_the_storage_has_lost_is_said_before_anything_starts(
    tmp_path: Path, tiny_sd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, storage = write_experiment(tmp_path, base=tiny_sd), tmp_path / "storage"
    short = (*SHORT, "search.epochs=[2]", f"output={tmp_path / 'runs'}", f"storage=file://{storage}")
    go_to(tmp_path / "first", monkeypatch)
    run_experiment(load(file, (*short, "name=first")), stored, view())
    for lost in (storage / "first" / "checkpoints").rglob("unet.safetensors"):
        lost.write_bytes(b"")
    with pytest.raises(ResourceError, match="does not have it whole any more; take another checkpoint"):
        run_experiment(load(file, (*short, "name=second", "base_model=first@best")), stored, view())
    assert not (tmp_path / "runs" / "second").exists()
