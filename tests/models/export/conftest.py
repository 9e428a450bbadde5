"""Models that are written to files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_models import write_pipeline


@pytest.fixture(scope="session", params=[(1, "epsilon"), (2, "v_prediction")], ids=["sd1", "sd2"])
def narrow(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SD 1.5 or 2.1 with all its layers and few channels; read only."""
    version, prediction_type = request.param
    folder = tmp_path_factory.mktemp("narrow") / "model"
    return write_pipeline(folder, version=version, prediction_type=prediction_type)
