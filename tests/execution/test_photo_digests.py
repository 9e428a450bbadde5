"""A run is of the photos that it began with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dbsweep.errors import ChangedError, RunError
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.photo_digests import keep_digests, refuse_other_photos
from tests.execution.sweeps import make_experiment
from tests.execution.tiny_sweep import write_photos


def test_masks_that_are_no_longer_what_they_were_are_refused_where_they_count(tmp_path: Path) -> None:
    photos, run = write_photos(tmp_path / "photos"), RunFolder(tmp_path / "demo")
    run.path.mkdir()
    concept = make_experiment().concepts[0].model_copy(update={"instance_images": photos})
    plain = make_experiment().model_copy(update={"concepts": (concept,)})
    masked = plain.model_copy(update={"train": plain.train.model_copy(update={"background_weight": 0.5})})
    keep_digests(run, plain)
    shutil.copy(photos / "0.png", photos / "0-masklabel.png")
    refuse_other_photos(run, plain)
    keep_digests(run, masked)
    shutil.copy(photos / "1.png", photos / "0-masklabel.png")
    with pytest.raises(ChangedError, match=r"other photos, masks, .*\(changed: .*instance_images/0-masklabel\.png\)"):
        refuse_other_photos(run, masked)


def test_photos_that_are_no_longer_what_they_were_are_refused(tmp_path: Path) -> None:
    photos, run = write_photos(tmp_path / "photos"), RunFolder(tmp_path / "demo")
    run.path.mkdir()
    concept = make_experiment().concepts[0].model_copy(update={"instance_images": photos})
    experiment = make_experiment().model_copy(update={"concepts": (concept,)})
    refuse_other_photos(run, experiment)  # nothing is kept
    keep_digests(run, experiment)
    refuse_other_photos(run, experiment)
    (photos / "0.png").rename(photos / "2.png")
    told = r"run 'demo' began with other photos, .* \(new: .*/2\.png; gone: .*/0\.png\): make them again what they were"
    with pytest.raises(ChangedError, match=told):
        refuse_other_photos(run, experiment)
    shutil.rmtree(photos)
    told = (
        r"not where they were \(photo folder .*\): put them back, or name their new place in .*/demo/experiment\.yaml"
    )
    with pytest.raises(ChangedError, match=told):
        refuse_other_photos(run, experiment)
    run.fingerprints.write_text("")
    with pytest.raises(RunError, match=r"photos\.json cannot be read .*: if you know that they are, delete that file"):
        refuse_other_photos(run, experiment)
