"""The folder of one run: where everything lies, how it is created, found and listed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from dbsweep.config.loading import dump_experiment
from dbsweep.config.messages import closest
from dbsweep.config.schema import Experiment
from dbsweep.errors import RunError
from dbsweep.records.names import BASE
from dbsweep.records.plan import Plan

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Names of runs: one path component that starts with a letter or digit, so none leaves the output folder."""

CACHE = "cache"
"""Folder beside the runs that they share; therefore not a run's name."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of one run.

    Attributes:
        path: ``<output>/<name>``, absolute.
    """

    path: Path

    @classmethod
    def create(cls, output: Path, name: str, experiment: Experiment, plan: Plan) -> RunFolder:
        """Makes the folder of a new run with its experiment file and plan.

        Raises:
            RunError: the name is taken or could leave the output folder.
        """
        run = _named(output, name)
        try:
            run.path.mkdir(parents=True)
        except FileExistsError as error:
            raise _taken(output, name) from error
        try:
            run.experiment.write_text(dump_experiment(experiment), encoding="utf-8")
            run.plan.write_text(plan.model_dump_json(indent=1), encoding="utf-8")
        except OSError:
            shutil.rmtree(run.path, ignore_errors=True)
            raise
        return run

    @classmethod
    def open(cls, output: Path, name: str) -> RunFolder:
        """The folder of an existing run.

        Raises:
            RunError: there is no such run.
        """
        run = _named(output, name)
        if not output.is_dir():
            wrong = "is a file" if output.exists() else "does not exist"
            raise RunError(
                f"no run {name!r} in {output}, which {wrong}: give the folder that holds the runs with --runs"
            )
        if not run.ledger.is_file():
            names = [other.name for other in list_runs(output)]
            meant = closest(name, names)
            hint = f"there are: {', '.join(names) or 'none'}" if meant is None else f"did you mean {meant!r}?"
            raise RunError(f"no run {name!r} in {output}; {hint}")
        return run

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.name

    @property
    def handle(self) -> str:
        """What a person types as RUN: the name where the run lies in `runs`, else its folder, in quotes if need be."""
        return self.name if self.path.resolve().parent == Path("runs").resolve() else shlex.quote(str(self.path))

    @property
    def ledger(self) -> Path:
        """The SQLite file that holds the truth about the run."""
        return self.path / "ledger.db"

    @property
    def lock(self) -> Path:
        """The file that the run's driver holds locked (`dbsweep.execution.driver_lock`)."""
        return self.path / "driver.lock"

    @property
    def experiment(self) -> Path:
        """The experiment file as run: overrides applied, defaults filled in."""
        return self.path / "experiment.yaml"

    @property
    def plan(self) -> Path:
        """The plan as JSON."""
        return self.path / "plan.json"

    @property
    def fingerprints(self) -> Path:
        """What photos and captions were when the run began (`dbsweep.concepts.fingerprints`), as JSON."""
        return self.path / "photos.json"

    @property
    def report(self) -> Path:
        """Folder of the offline page."""
        return self.path / "report"

    @property
    def grids(self) -> Path:
        """Folder of the grids' cells."""
        return self.path / "grids"

    @property
    def reference(self) -> Path:
        """What the untrained model drew, as embeddings (`dbsweep.scoring.reference.Reference`)."""
        return self.path / "reference.npz"

    def race_images(self, branch: str, step: int) -> Path:
        """Folder of the further images that a checkpoint drew in the race."""
        return self.images(branch, step) / "race"

    @property
    def reference_key(self) -> Path:
        """Of what the reference was made (`dbsweep.execution.drawing.reference_key`)."""
        return self.path / "reference.key"

    @property
    def stop_request(self) -> Path:
        """While this file exists, workers end their branch at the next optimizer step."""
        return self.path / "stop"

    @property
    def cache(self) -> Path:
        """Folder of latents and class images, shared by all runs of the same output folder."""
        return self.path.parent / CACHE

    @property
    def base_scorecard(self) -> Path:
        """The untrained model's scorecard as JSON, for the workers."""
        return self.path / "base.json"

    def branch(self, branch: str) -> Path:
        """Folder of a branch's checkpoints."""
        return self.path / "checkpoints" / branch

    def checkpoint(self, branch: str, step: int) -> Path:
        """Folder of one checkpoint."""
        return self.branch(branch) / f"{step:06d}"

    def interrupted(self, branch: str) -> Path:
        """Where a branch that was asked to stop between two checkpoints leaves its state."""
        return self.branch(branch) / "interrupted"

    def event(self, branch: str, step: int) -> Path:
        """What was reported of a checkpoint, as JSON; written last, it marks the checkpoint as finished."""
        return self.images(branch, step) / "event.json"

    def branch_images(self, branch: str) -> Path:
        """Folder of the images that a branch's checkpoints drew."""
        return self.path / "images" / branch

    def images(self, branch: str, step: int) -> Path:
        """Folder of the images that a checkpoint drew."""
        return self.branch_images(branch) / f"{step:06d}"

    @property
    def base_images(self) -> Path:
        """Folder of the images that the untrained model drew."""
        return self.path / "images" / BASE

    def relative(self, path: Path) -> str:
        """The path as records keep it: relative to the run folder, with forward slashes."""
        return path.relative_to(self.path).as_posix()


def list_runs(output: Path) -> tuple[RunFolder, ...]:
    """All runs of an output folder, by name; empty if the folder does not exist."""
    if not output.is_dir():
        return ()
    return tuple(RunFolder(path.resolve()) for path in sorted(output.iterdir()) if (path / "ledger.db").is_file())


def check_free(output: Path, name: str) -> None:
    """RunError if the name cannot be given to a new run."""
    if _named(output, name).path.exists():
        raise _taken(output, name)


def _taken(output: Path, name: str) -> RunError:
    run = _named(output, name)
    begun = f"if it was interrupted, go on with: dbsweep resume {run.handle}; else " if run.ledger.is_file() else ""
    other = "choose another name with --name, or delete that folder"
    return RunError(f"run {name!r} exists already in {output}: {begun}{other}")


def _named(output: Path, name: str) -> RunFolder:
    if NAME.fullmatch(name) is None or name == CACHE:
        raise RunError(
            f"a run cannot be named {name!r}: use up to 64 letters, digits, '.', '_' and '-', "
            f"starting with a letter or digit; {CACHE!r} is taken"
        )
    return RunFolder(Path(os.path.abspath(output)) / name)
