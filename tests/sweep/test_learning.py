"""Real sweeps of MiniSD on Ray, judged by the oracle, which has no part in the product's own scoring."""

from __future__ import annotations

import io

import numpy as np
import pytest
import yaml
from PIL import Image
from rich.console import Console

from benchmarks.oracle import identity_score, style_probability
from dbsweep.config.loading import load_experiment
from dbsweep.execution.folder import RunFolder
from dbsweep.minisd.subject import draw_subject, write_subject_photos
from dbsweep.records.names import BASE, PromptKind, VerdictState
from dbsweep.records.run import RunRecord
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.running import on_ray, run_experiment

pytestmark = pytest.mark.slow

SUBJECT = 31
GENTLE, HARD = 6e-5, 3e-4


@pytest.fixture(scope="module")
def swept(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunRecord, RunFolder]:
    """A gentle trial and one that is overtrained on purpose; the hard one is left to run to its end."""
    root = tmp_path_factory.mktemp("learning")
    write_subject_photos(SUBJECT, "man", 8, root / "photos")
    content = {
        "name": "learning",
        "base_model": "minisd",
        "concepts": [
            {
                "instance_images": "photos",
                "instance_token": "ohwx",
                "class_token": "man",
                "instance_prompt": "photo of ohwx man",
                "class_prompt": "photo of man",
                "sanity_prompts": ["photo of ohwx man, ink poster style", "photo of ohwx man, neon style"],
                "class_images": {"num_inference_steps": 10},
            }
        ],
        "train": {"resolution": 64, "batch_size": 1},
        "search": {
            "learning_rate": [GENTLE, HARD],
            "epochs": [16],
            "class_images_per_instance": [4],
            "text_encoder_ratio": [1.0],
            "scheduler": "none",
        },
        "evaluate": {"every_epochs": 4, "images_per_prompt": 4, "num_inference_steps": 12, "encoder": "minisd"}
        | {"race": {"images_per_prompt": 8}, "stop_overtrained": False},
        "tracking": {"enabled": False},
        "output": str(root / "runs"),
    }
    file = root / "learning.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    folder = run_experiment(load_experiment(file), on_ray(None), TerminalView(Console(file=io.StringIO())))
    return read_run(folder), folder


def pictures(swept: tuple[RunRecord, RunFolder], checkpoint: str, kind: PromptKind, prompt: int = 0) -> np.ndarray:
    record, folder = swept
    drawn = [image for image in record.scorecards[checkpoint].images if image.kind is kind]
    return np.stack(
        [np.asarray(Image.open(folder.path / image.path)) for image in drawn if image.prompt_index == prompt]
    )


def last_of(record: RunRecord, learning_rate: float) -> str:
    (trial,) = [trial.id for trial in record.plan.trials if trial.settings["learning_rate"] == learning_rate]
    return record.checkpoints_of(trial)[-1].id


def verdict_of(record: RunRecord, learning_rate: float) -> VerdictState:
    (trial,) = [trial.id for trial in record.plan.trials if trial.settings["learning_rate"] == learning_rate]
    return record.verdicts[trial].state


def test_the_choice_shows_the_subject_as_the_base_never_did(swept: tuple[RunRecord, RunFolder]):
    record, folder = swept
    assert record.choice is not None
    subject = draw_subject(SUBJECT, "man")
    drawn = {name: pictures(swept, name, PromptKind.INSTANCE) for name in (BASE, record.choice.best.checkpoint)}
    before, after = (identity_score(images, subject).mean() for images in drawn.values())
    photos = [Image.open(path) for path in sorted((folder.path.parent.parent / "photos").iterdir())]
    # A third of the way from any man to the photos themselves: dark skin, a mohawk and a goatee where none were.
    assert after - before >= (identity_score(photos, subject).mean() - before) / 3
    assert record.choice.best.checkpoint != last_of(record, HARD)


def test_the_trial_that_was_overtrained_on_purpose_is_flagged_and_the_gentle_one_is_not(
    swept: tuple[RunRecord, RunFolder],
):
    record, _ = swept
    assert verdict_of(record, HARD) is VerdictState.OVERTRAINED
    assert verdict_of(record, GENTLE) is not VerdictState.OVERTRAINED
    # The oracle sees it too: the hard trial's ink posters are none any more.
    kept, lost = (
        style_probability(pictures(swept, last_of(record, rate), PromptKind.SANITY), "ink poster").mean()
        for rate in (GENTLE, HARD)
    )
    assert kept >= 0.8
    assert kept - lost >= 0.3
