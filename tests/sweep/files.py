"""Experiment files with photos beside them, for the tests of this room and of the command line."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from dbsweep.execution.folder import RunFolder
from dbsweep.sweep.answers import read_run

EXPERIMENT = """
name: demo
base_model: {base}
concepts:
  - instance_images: photos
    instance_token: ohwx
    class_token: man
    instance_prompt: photo of ohwx man
    class_prompt: photo of man
    sanity_prompts: ["photo of ohwx man, ink poster style"]
train: {{resolution: 64}}
search:
  learning_rate: [1e-4, 1e-3]
  epochs: [4, 8]
  class_images_per_instance: [1]
  text_encoder_ratio: [0.5]
evaluate: {{every_epochs: 2, images_per_prompt: 2, num_inference_steps: 2, encoder: {encoder}}}
tracking: {{enabled: false}}
output: {output}
"""


def write_experiment(
    folder: Path, *, base: str | Path = "minisd", encoder: str | Path = "minisd", photos: int = 3
) -> Path:
    """An experiment file of four trials and its photos; runs go to `folder`/runs."""
    (folder / "photos").mkdir(parents=True)
    for i in range(photos):
        Image.effect_noise((64, 64), 20 + 10 * i).convert("RGB").save(folder / "photos" / f"{i}.png")
    file = folder / "demo.yaml"
    file.write_text(EXPERIMENT.format(base=base, encoder=encoder, output=folder / "runs"), encoding="utf-8")
    return file


def write_masks(folder: Path) -> None:
    """Beside the photos of `write_experiment`: of each another part is the subject."""
    for index, photo in enumerate(sorted((folder / "photos").glob("*.png"))):
        mask = Image.new("L", (64, 64), 0)
        mask.paste(255, (8 * index, 8, 8 * index + 24, 40))
        mask.save(photo.with_name(f"{photo.stem}-masklabel.png"))


def write_weights(run: RunFolder) -> None:
    """Files in place of the weights of all checkpoints of a run on paper."""
    for checkpoint in read_run(run).checkpoints.values():
        folder = run.path / checkpoint.path
        folder.mkdir(parents=True)
        (folder / "unet.safetensors").touch()
        (folder / "manifest.json").write_text('{"files": {"unet.safetensors": ""}}', encoding="utf-8")
