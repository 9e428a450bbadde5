"""The stages of making MiniSD, each resumable and skipped when its result is there."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import AutoencoderKL
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from dbsweep.minisd.architecture import new_autoencoder, new_clip, new_unet
from dbsweep.minisd.folder import replace_folder, save_clip, save_pipeline
from dbsweep.minisd.recipe import Recipe
from dbsweep.minisd.tokenizer import build_tokenizer, save_tokenizer
from dbsweep.minisd.train_autoencoder import autoencoder_loss
from dbsweep.minisd.train_clip import clip_loss, redraw_renders
from dbsweep.minisd.train_decoder import decoder_loss, decoder_parts
from dbsweep.minisd.train_denoiser import DenoiserData, denoiser_loss, encode_renders, scaling_factor
from dbsweep.minisd.train_text import embed_renders, new_text_training, text_loss
from dbsweep.minisd.training_loop import Loop, Workers
from dbsweep.minisd.workers import train_together
from dbsweep.minisd.world import Renders, draw_samples, open_renders

SHARPENED: Final = "sharpened"
"""Lies beside the autoencoder's weights when its decoder has had its second training."""


def say(line: str) -> None:
    """Print one line of progress with the time of day."""
    print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)


def renders_stage(recipe: Recipe, out: Path) -> Renders:
    """Return the pictures of the training set, rendered once."""
    return open_renders(out / "renders.npy", recipe.seed, recipe.renders)


def tokenizer_stage(recipe: Recipe, out: Path) -> CLIPTokenizer:
    """Return the tokenizer, built once."""
    folder = out / "tokenizer"
    if not folder.exists():
        replace_folder(folder, lambda target: save_tokenizer(build_tokenizer(recipe.seed), target))
    tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder)
    return tokenizer


def autoencoder_stage(recipe: Recipe, out: Path) -> AutoencoderKL:
    """Return the trained autoencoder with its scaling factor."""
    folder = out / "vae"
    if not folder.exists():
        renders_stage(recipe, out)
        train_together(partial(_train_autoencoder, recipe), out / "autoencoder", recipe.workers)
    vae: AutoencoderKL = AutoencoderKL.from_pretrained(folder)
    return vae


def decoder_stage(recipe: Recipe, out: Path) -> None:
    """Sharpen the decoder on the latents, which stay as they are; done once."""
    autoencoder_stage(recipe, out)
    if not (out / "vae" / SHARPENED).exists():
        train_together(partial(_train_decoder, recipe), out / "decoder", recipe.workers)


def _train_decoder(recipe: Recipe, workers: Workers, folder: Path) -> None:
    out = folder.parent
    vae = AutoencoderKL.from_pretrained(out / "vae").to(memory_format=torch.channels_last)
    renders = renders_stage(recipe, out)
    latents = encode_renders(vae, renders, out / "latents.npy", say)
    parts = decoder_parts(vae)
    Loop(parts, recipe.decoder_plan, folder, say, workers).run(
        decoder_loss(vae, latents, renders, recipe.autoencoder_batch)
    )
    if workers.rank == 0:
        replace_folder(out / "vae", vae.save_pretrained)
        (out / "vae" / SHARPENED).touch()


def _train_autoencoder(recipe: Recipe, workers: Workers, folder: Path) -> None:
    renders = renders_stage(recipe, folder.parent)
    torch.manual_seed(recipe.seed)
    vae = new_autoencoder().to(memory_format=torch.channels_last)
    loop = Loop(nn.ModuleDict({"vae": vae}), recipe.autoencoder_plan, folder, say, workers)
    loop.run(autoencoder_loss(vae, renders, recipe.autoencoder_batch))
    if workers.rank == 0:
        latents = encode_renders(vae, renders, folder.parent / "latents.npy", say)
        vae.register_to_config(scaling_factor=round(scaling_factor(latents), 4))
        replace_folder(folder.parent / "vae", vae.save_pretrained)


def clip_stage(recipe: Recipe, out: Path) -> Path:
    """Return the folder of the open_clip model."""
    decoder_stage(recipe, out)
    tokenizer_stage(recipe, out)
    train_together(partial(_train_clip, recipe), out / "clip-training", 1)
    return out / "clip"


def _train_clip(recipe: Recipe, workers: Workers, folder: Path) -> None:
    out = folder.parent
    tokenizer = tokenizer_stage(recipe, out)
    renders = renders_stage(recipe, out)
    vae = AutoencoderKL.from_pretrained(out / "vae").to(memory_format=torch.channels_last)
    latents = encode_renders(vae, renders, out / "latents.npy", say)
    redrawn = redraw_renders(vae, latents, out / "redrawn.npy", recipe.seed, say)
    torch.manual_seed(recipe.seed)
    model = new_clip()

    def save(averaged: nn.ModuleDict) -> None:
        save_clip(out / "clip", averaged["clip"], tokenizer)

    loop = Loop(nn.ModuleDict({"clip": model}), recipe.clip_plan, folder, say, workers, on_save=save)
    samples = draw_samples(recipe.seed, len(renders))
    loop.run(clip_loss(model, renders, redrawn, samples, tokenizer, recipe.clip_batch))


def text_stage(recipe: Recipe, out: Path) -> None:
    """Teach the text encoder what captions say, against the embeddings of the open_clip model; done once."""
    if not (out / "text_encoder").exists():
        clip_stage(recipe, out)
        train_together(partial(_train_text, recipe), out / "text-training", recipe.workers)


def _train_text(recipe: Recipe, workers: Workers, folder: Path) -> None:
    out = folder.parent
    tokenizer = tokenizer_stage(recipe, out)
    count = recipe.text_renders // workers.count
    mine = slice(workers.rank * count, (workers.rank + 1) * count)
    embeddings = embed_renders(out / "clip", renders_stage(recipe, out)[mine])
    samples = draw_samples(recipe.seed, recipe.text_renders)[mine]
    modules = new_text_training(tokenizer, recipe.seed)
    loop = Loop(modules, recipe.text_plan, folder, say, workers)
    loop.run(text_loss(modules, embeddings, samples, tokenizer, recipe.text_batch))
    if workers.rank == 0:
        text_encoder: Any = modules["text_encoder"]
        replace_folder(out / "text_encoder", text_encoder.save_pretrained)


def denoiser_stage(recipe: Recipe, out: Path) -> Path:
    """Return the pipeline folder; it appears at the first checkpoint and gets better until the last."""
    decoder_stage(recipe, out)
    text_stage(recipe, out)
    train_together(partial(_train_denoiser, recipe), out / "denoiser", recipe.workers)
    return out / "pipeline"


def _train_denoiser(recipe: Recipe, workers: Workers, folder: Path) -> None:
    out = folder.parent
    vae = AutoencoderKL.from_pretrained(out / "vae")
    text_encoder = CLIPTextModel.from_pretrained(out / "text_encoder", dtype=torch.float32).requires_grad_(False)
    tokenizer = tokenizer_stage(recipe, out)
    latents = encode_renders(vae, renders_stage(recipe, out), out / "latents.npy", say)
    data = DenoiserData(latents, vae.config["scaling_factor"], draw_samples(recipe.seed, len(latents)))
    torch.manual_seed(recipe.seed)
    unet = new_unet().to(memory_format=torch.channels_last)

    def save(averaged: nn.ModuleDict) -> None:
        save_pipeline(out / "pipeline", vae, averaged["unet"], text_encoder, tokenizer)

    loop = Loop(nn.ModuleDict({"unet": unet}), recipe.denoiser_plan, folder, say, workers, on_save=save)
    loop.run(denoiser_loss(unet, text_encoder, data, tokenizer, recipe.denoiser_batch))
