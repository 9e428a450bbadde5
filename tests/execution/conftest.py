"""Fixtures of this room."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from dbsweep.execution.jobs import SweepJob


@pytest.fixture(scope="session")
def tiny_preparation(tmp_path_factory: pytest.TempPathFactory, tiny_sd: Path) -> Path:
    """Run and cache of a `tiny_job`: its untrained model's pictures, class images, and latents of photos; read only."""
    from dbsweep.execution import loaded
    from dbsweep.execution.drawing import class_images, references
    from tests.execution.tiny_sweep import ColourEncoder, make_tiny_job

    job = make_tiny_job(tmp_path_factory.mktemp("prepared"), tiny_sd)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loaded, "encoder", lambda source: ColourEncoder())
        references.draw_references(job)
    class_images.draw_class_images(job)
    loaded.encode_photos(job)
    return job.run_folder.parent


@pytest.fixture
def tiny_job(tmp_path: Path, tiny_sd: Path, tiny_preparation: Path, monkeypatch: pytest.MonkeyPatch) -> SweepJob:
    """A prepared sweep of real training; its base model has its own weights."""
    from dbsweep.execution import loaded
    from tests.execution.tiny_sweep import ColourEncoder, make_tiny_job, prepare_as

    monkeypatch.setattr(loaded, "encoder", lambda source: ColourEncoder())
    loaded.reference.cache_clear()
    job = make_tiny_job(tmp_path, tiny_sd)
    prepare_as(tiny_preparation, job)
    return job


@pytest.fixture(params=["path", "file", "fsspec"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A plain path, pyarrow's local files and a file system that only fsspec has."""
    return {
        "path": str(tmp_path / "storage"),
        "file": f"file://{tmp_path}/storage",
        "fsspec": f"memory://{uuid.uuid4().hex}",
    }[request.param]
