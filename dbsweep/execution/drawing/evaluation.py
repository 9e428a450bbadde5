"""What is drawn at every checkpoint: the evaluation's prompts from the evaluation's seeds, as PNG files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dbsweep.concepts.captions import as_drawn
from dbsweep.config.schema import Experiment
from dbsweep.execution.folder import RunFolder
from dbsweep.models.bundle import StableDiffusion
from dbsweep.records.results import SampleImage
from dbsweep.sampling.grammar import escape
from dbsweep.sampling.infotext import write_png
from dbsweep.sampling.request import ImageRequest
from dbsweep.sampling.sampler import draw
from dbsweep.scoring.encoders import Pixels
from dbsweep.scoring.prompts import EvaluationPrompt, evaluation_prompts


@dataclass(frozen=True)
class Evaluation:
    """Images of one checkpoint, or of the base model.

    Attributes:
        images: (h, w, 3) uint8, one for each of `samples`.
        samples: says which prompt and seed each is, and where its file lies.
    """

    images: tuple[Pixels, ...]
    samples: tuple[SampleImage, ...]


def evaluation_seeds(experiment: Experiment, images_per_prompt: int | None = None) -> tuple[int, ...]:
    """The first seeds of every prompt, those of a first look if no number is given; image i has seed + i (A1111)."""
    evaluate = experiment.evaluate
    count = evaluate.images_per_prompt if images_per_prompt is None else images_per_prompt
    return tuple(range(evaluate.seed, evaluate.seed + count))


def prompts_to_draw(experiment: Experiment) -> tuple[EvaluationPrompt, ...]:
    """The evaluation's prompts, captions filled in."""
    return evaluation_prompts(
        [as_drawn(concept, escape) for concept in experiment.concepts], experiment.evaluate.contexts
    )


def draw_evaluation(
    models: StableDiffusion,
    experiment: Experiment,
    run: RunFolder,
    folder: Path,
    *,
    model_hash: str,
    seeds: Sequence[int] | None = None,
    base: bool = False,
    prompts: Sequence[EvaluationPrompt] | None = None,
    prefix: str = "",
    on_drawn: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Draws every prompt with every seed and writes the images, all prompts in the same passes of the UNet.

    All branches draw at ``train.resolution``, also where a search sweeps the resolution, so that checkpoints
    can be compared.

    Args:
        folder: inside the run folder.
        model_hash: goes into the images' metadata.
        seeds: of each prompt; those of a first look if not given.
        base: draw the prompts with the class noun in the subject's place; equal ones are drawn once.
        prompts: some of the evaluation's; all if not given.
        prefix: of the files' names.
        on_drawn: told how many of how many pictures are drawn, after each batch.
    """
    prompts = prompts_to_draw(experiment) if prompts is None else prompts
    seeds = evaluation_seeds(experiment) if seeds is None else seeds
    texts = [prompt.base_prompt if base else prompt.prompt for prompt in prompts]
    wanted = [(text, seed) for text in dict.fromkeys(texts) for seed in seeds]
    requests = [_request(experiment, text, seed) for text, seed in wanted]
    images = draw(
        models,
        requests,
        clip_skip=experiment.clip_skip,
        precision=experiment.evaluate.precision,
        progress=None if on_drawn is None else lambda done: on_drawn(done, len(requests)),
    )
    drawn = dict(zip(wanted, images, strict=True))
    files = {key: folder / f"{prefix}{index:03d}-{key[1]}.png" for index, key in enumerate(wanted)}
    folder.mkdir(parents=True, exist_ok=True)
    for key, request in zip(wanted, requests, strict=True):
        write_png(files[key], drawn[key], request, model_hash, clip_skip=experiment.clip_skip)
    keys = [(prompt, (text, seed)) for prompt, text in zip(prompts, texts, strict=True) for seed in seeds]
    return Evaluation(
        images=tuple(drawn[key] for _, key in keys),
        samples=tuple(_sample(prompt, key, run.relative(files[key])) for prompt, key in keys),
    )


def images_by_prompt(evaluation: Evaluation) -> dict[str, Sequence[Pixels]]:
    """For each distinct prompt that was drawn its images, in the order of the seeds."""
    images: dict[str, dict[int, Pixels]] = {}
    for sample, image in zip(evaluation.samples, evaluation.images, strict=True):
        images.setdefault(sample.prompt, {})[sample.seed] = image
    return {prompt: list(by_seed.values()) for prompt, by_seed in images.items()}


def _request(experiment: Experiment, prompt: str, seed: int) -> ImageRequest:
    evaluate, resolution = experiment.evaluate, experiment.train.resolution
    return ImageRequest(
        prompt=prompt,
        negative_prompt=evaluate.negative_prompt,
        seed=seed,
        guidance_scale=evaluate.guidance_scale,
        num_inference_steps=evaluate.num_inference_steps,
        sampler=evaluate.sampler,
        width=resolution,
        height=resolution,
    )


def _sample(prompt: EvaluationPrompt, key: tuple[str, int], path: str) -> SampleImage:
    return SampleImage(
        path=path,
        prompt=key[0],
        kind=prompt.kind,
        concept=prompt.concept,
        prompt_index=prompt.prompt_index,
        seed=key[1],
    )
