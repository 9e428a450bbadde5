"""References are drawn once, and again when anything that they are made of changes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dbsweep.execution import loaded
from dbsweep.execution.drawing import references
from dbsweep.execution.drawing.evaluation import draw_evaluation
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import SweepJob
from dbsweep.records.names import Metric
from tests.execution.drawing.test_references import without_race
from tests.execution.tiny_sweep import ColourEncoder, make_tiny_job, write_photos


def test_references_are_drawn_once_and_again_when_anything_about_them_changes(
    tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, draws = RunFolder(tiny_job.run_folder), []

    def counting(*arguments: object, **options: object) -> object:
        draws.append(1)
        return draw_evaluation(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(references, "draw_evaluation", counting)
    before = run.base_scorecard.read_text()
    assert references.draw_references(tiny_job)[1].model_dump_json() == before
    assert not draws
    for change in (
        lambda: next(run.base_images.glob("000-*.png")).unlink(),  # of the first look, so it is shown
        lambda: run.reference.unlink(),
        lambda: run.reference.write_bytes(b""),
        lambda: run.base_scorecard.unlink(),
        lambda: run.base_scorecard.write_text(""),
        lambda: shutil.copy(tiny_job.experiment.concepts[0].instance_images / "1.png", photo(tiny_job)),
    ):
        change()
        references.draw_references(tiny_job)
        assert len(draws) == 2, "the evaluation, and the instance prompt with its token"
        draws.clear()
    other = tiny_job.experiment.concepts[0].model_copy(update={"class_prompt": "portrait of man"})
    changed = tiny_job.experiment.model_copy(update={"concepts": (other,)})
    references.draw_references(tiny_job.model_copy(update={"experiment": changed}))
    assert draws


def photo(job: SweepJob) -> Path:
    return job.experiment.concepts[0].instance_images / "0.png"


def test_references_are_drawn_again_when_a_caption_changes(
    tmp_path: Path, tiny_sd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaded, "encoder", lambda source: ColourEncoder())
    write_photos(tmp_path / "held_out")
    captioned = {
        "instance_prompt": "photo of [filewords]",
        "sanity_prompts": ["[filewords], ink poster style"],
        "validation_images": tmp_path / "held_out",
    }
    job = without_race(make_tiny_job(tmp_path, tiny_sd, captioned))
    for folder in ("photos", "held_out"):
        for image in ("0", "1"):
            (tmp_path / folder / f"{image}.txt").write_text("a man, smiling")
    run, card = RunFolder(job.run_folder), references.draw_references(job)[1]
    known = run.reference_key.read_text()
    assert references.draw_references(job)[1].model_dump_json() == card.model_dump_json()

    (tmp_path / "held_out" / "1.txt").write_text("a man on a horse")  # seen by the validation loss alone
    other = references.draw_references(job)[1]
    assert other.scores[Metric.VALIDATION_LOSS].samples != card.scores[Metric.VALIDATION_LOSS].samples
    assert run.reference_key.read_text() != known

    known = run.reference_key.read_text()
    (tmp_path / "photos" / "0.txt").write_text("a man, laughing")  # the sanity prompt is made of it
    assert any("laughing" in image.prompt for image in references.draw_references(job)[1].images)
    assert run.reference_key.read_text() != known
