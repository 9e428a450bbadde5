"""How well MiniSD draws what a prompt says: `python -m benchmarks.minisd [--json]`.

400 prompts that were kept from training, each naming one to four attributes, all styles alike; one image each with
classifier-free guidance 7.5 and 20 steps of DPM++ 2M Karras. The oracle says what it sees. Printed are the shares of
images that are right: style and class over all prompts, hair colour (of people), glasses (kind) and beard (kind) over
the prompts that name them. Of the open_clip model the share of 1,024 renders whose caption is nearest to them of all
(`caption`); it was trained on none of them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
from numpy.typing import NDArray
from PIL import Image

from benchmarks.oracle import guesses
from dbsweep.minisd.attributes import STYLES
from dbsweep.minisd.captions import Caption, describe, describe_fully, is_held_out
from dbsweep.minisd.paths import clip_path, pipeline_path
from dbsweep.minisd.world import draw_sample, render_samples
from dbsweep.scoring.encoders import Encoder, load_encoder

SEED: Final = 4242
"""Of prompts and noise; another stream than the one that MiniSD is trained on (seed 0)."""
TARGETS: Final = {"style": 0.95, "class": 0.95, "hair_colour": 0.85, "glasses": 0.85, "beard": 0.85}
BATCH: Final = 50
RENDERS: Final = 1024
"""Told apart by their captions."""


@dataclass(frozen=True)
class Settings:
    """How images are drawn."""

    guidance_scale: float = 7.5
    num_inference_steps: int = 20
    seed: int = SEED


def held_out_prompts(count: int) -> list[Caption]:
    """Return captions that training never saw, going through the styles in turn."""
    found: list[Caption] = []
    index = 0
    while len(found) < count:
        sample = replace(draw_sample(SEED, index), style=STYLES[len(found) % len(STYLES)])
        caption = describe(sample, np.random.default_rng([SEED, index]))
        index += 1
        if is_held_out(caption.text):
            found.append(caption)
    return found


def load_pipeline(folder: Path) -> StableDiffusionPipeline:
    """Return the pipeline in float32 with the sampler of the benchmark."""
    pipeline: StableDiffusionPipeline = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config, use_karras_sigmas=True)
    return pipeline


@torch.no_grad()
def draw(pipeline: StableDiffusionPipeline, prompts: Sequence[str], settings: Settings) -> NDArray[np.uint8]:
    """Return one (64, 64, 3) uint8 image a prompt; image i starts from noise of seed `settings.seed + i`."""
    images = []
    for start in range(0, len(prompts), BATCH):
        part = list(prompts[start : start + BATCH])
        seeds = range(settings.seed + start, settings.seed + start + len(part))
        size = (pipeline.unet.config["in_channels"], 8, 8)
        noise = torch.stack([torch.randn(size, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
        images.append(_draw_batch(pipeline, part, noise, settings))
    return np.concatenate(images)


def _encode(pipeline: StableDiffusionPipeline, prompts: list[str]) -> torch.Tensor:
    ids = pipeline.tokenizer(
        prompts, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
    ).input_ids
    states: torch.Tensor = pipeline.text_encoder(ids).last_hidden_state
    return states


def _draw_batch(
    pipeline: StableDiffusionPipeline, prompts: list[str], noise: torch.Tensor, settings: Settings
) -> NDArray[np.uint8]:
    scheduler = pipeline.scheduler
    scheduler.set_timesteps(settings.num_inference_steps)
    states = torch.cat([_encode(pipeline, [""] * len(prompts)), _encode(pipeline, prompts)])
    latents = noise * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        both = scheduler.scale_model_input(torch.cat([latents, latents]), timestep)
        plain, prompted = pipeline.unet(both, timestep, states).sample.chunk(2)
        guided = plain + settings.guidance_scale * (prompted - plain)
        latents = scheduler.step(guided, timestep, latents).prev_sample
    decoded = pipeline.vae.decode(latents / pipeline.vae.config["scaling_factor"]).sample
    pixels = ((decoded.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1)
    drawn: NDArray[np.uint8] = pixels.numpy()
    return drawn


def measure(prompts: list[Caption], images: NDArray[np.uint8]) -> dict[str, float]:
    """Return the share of images that are right, by key of `TARGETS`."""
    seen = guesses(images)
    shares: dict[str, float] = {}
    for key in TARGETS:
        name = "klass" if key == "class" else key
        asked = [
            (caption.named[name], seen[name][index])
            for index, caption in enumerate(prompts)
            if name in caption.named and not (key == "hair_colour" and caption.named["klass"] == "robot")
        ]
        shares[key] = round(sum(wanted == got for wanted, got in asked) / len(asked), 4)
    return shares


def captions_found(encoder: Encoder, renders: int = RENDERS) -> float:
    """Return the share of renders whose own caption, which names all that shows, is nearest of the captions of all."""
    samples = [draw_sample(SEED, index) for index in range(renders)]
    captions = [describe_fully(sample, np.random.default_rng([SEED, index])) for index, sample in enumerate(samples)]
    cosines = encoder.encode_images(list(render_samples(samples))) @ encoder.encode_texts(captions).T
    return round(float((cosines.argmax(axis=1) == np.arange(renders)).mean()), 4)


def contact_sheet(images: NDArray[np.uint8], columns: int = 20) -> Image.Image:
    """Return the images side by side, row by row."""
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * 64, rows * 64))
    for index, image in enumerate(images):
        sheet.paste(Image.fromarray(image), ((index % columns) * 64, (index // columns) * 64))
    return sheet


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw, judge, print; 0 if every target is met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.minisd", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON alone on stdout")
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument(
        "--model", type=Path, default=pipeline_path(), help="pipeline folder (default: the shipped one)"
    )
    parser.add_argument("--clip", type=Path, default=clip_path(), help="open_clip folder (default: the shipped one)")
    parser.add_argument("--out", type=Path, help="folder for the result and a sheet of the images")
    options = parser.parse_args(arguments)
    prompts = held_out_prompts(options.images)
    began = time.monotonic()
    images = draw(load_pipeline(options.model), [caption.text for caption in prompts], Settings())
    seconds = time.monotonic() - began
    shares = measure(prompts, images)
    text = json.dumps(shares | {"caption": (found := captions_found(load_encoder(str(options.clip))))})
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "minisd.json").write_text(text + "\n", encoding="utf-8")
        contact_sheet(images).save(options.out / "minisd.png")
    if options.json:
        print(text)
    else:
        for key, share in shares.items():
            print(f"{key:12} {share:6.1%}   (wanted: {TARGETS[key]:.0%})")
        print(f"{'caption':12} {found:6.1%}")
    print(f"{len(images)} images in {seconds:.0f} s", file=sys.stderr)
    return 0 if all(shares[key] >= wanted for key, wanted in TARGETS.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
