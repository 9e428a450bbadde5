"""How to make the chosen checkpoint again: the commands that export it and an experiment file that retrains it."""

from __future__ import annotations

import shlex

import yaml

from dbsweep.concepts.captions import subject_prompt
from dbsweep.config.concept import FILEWORDS
from dbsweep.config.schema import Experiment, Train
from dbsweep.records.run import RunRecord

_NOT_REPEATED = {"name", "train", "search", "tracking", "output"}
"""Sections that the retraining has otherwise, or that are no business of who reads the page: a password in a URI."""


def export_commands(record: RunRecord, handle: str) -> tuple[tuple[str, str], ...]:
    """Commands that take the chosen weights out of the run, and what each gives; what most people want first.

    Args:
        handle: what a person types as RUN, quoted where a shell needs it.

    Raises:
        ValueError: the run has no choice.
    """
    train, export, name = chosen_train(record), f"dbsweep export {handle} --out", record.name
    model = ("one file for A1111, ComfyUI and Forge", f"{export} {name}.safetensors")
    folder = ("a diffusers folder", f"dbsweep best {handle} --export {name}-best")
    if train.lora_rank == 0:
        return model, folder
    adapter = (
        ("the DoRA, for diffusers", f"{export} {name}-dora.safetensors --format peft")
        if train.lora_dora
        else ("the LoRA, for A1111, ComfyUI and Forge", f"{export} {name}-lora.safetensors --format lora")
    )
    return adapter, (f"{model[0]}, worked into the base model", model[1]), folder


def draw_command(record: RunRecord, handle: str) -> tuple[str, str]:
    """The command that draws a person's own prompts with the choice, and what it gives; `handle` as above."""
    concept = Experiment.model_validate(record.experiment).concepts[0]
    prompt = concept.sample_prompt
    if prompt is None or FILEWORDS in prompt:
        prompt = subject_prompt(concept)
    command = f"dbsweep draw {handle} --prompt {shlex.quote(prompt)} --out {record.name}-pictures"
    return "pictures of your own prompts", command


def chosen_train(record: RunRecord) -> Train:
    """The `train` section of the trial to keep.

    Raises:
        ValueError: the run has no choice.
    """
    best = record.kept
    if best is None:
        raise ValueError(f"run {record.name!r} has no choice to export or retrain")
    settings = record.settings_of(best.trial)
    experiment = Experiment.model_validate(record.experiment)
    return experiment.train_for({name.removeprefix("train."): value for name, value in settings.items()})


def retraining_yaml(record: RunRecord) -> str:
    """An experiment file that trains only the chosen trial, up to the chosen checkpoint.

    Everything else is as it was: the model with its VAE and Clip skip, and what a trial takes of the machine.
    Where the schedule does not depend on the length, `epochs` is the chosen epoch and `text_encoder_ratio` is
    such that the text encoder freezes at the same epoch as in the sweep: the weights are the same bit for bit.

    Raises:
        ValueError: the run has no choice.
    """
    train, best, experiment = chosen_train(record), record.kept, Experiment.model_validate(record.experiment)
    assert best is not None, "asked above"
    shortened = shorten(train, best.epoch)
    heading = f"# The choice of run {record.name}: {best.trial}, epoch {best.epoch}, step {best.step}.\n"
    if shortened.epochs != best.epoch:
        heading += (
            f"# Its learning-rate schedule spans {train.epochs} epochs: take the checkpoint of epoch {best.epoch}.\n"
        )
    same = experiment.model_dump(mode="json", exclude_defaults=True, exclude=_NOT_REPEATED)
    content = {"name": f"{record.name[:58]}-again", **same, "train": shortened.model_dump(mode="json")}
    return heading + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def shorten(train: Train, epoch: int) -> Train:
    """The settings that reach the weights of `epoch` at their end; unchanged where the schedule forbids it."""
    if train.lr_scheduler.depends_on_length:
        return train
    text_encoder_epochs = min(round(train.epochs * train.text_encoder_ratio), epoch)
    ratio = round(text_encoder_epochs / epoch, 6)
    return train.model_copy(update={"epochs": epoch, "text_encoder_ratio": ratio})
