"""Names and shapes of the published SD 1.5 and 2.1 files, built as the original code's constructors build them.

The layouts were compared with lists taken from the published files; `DIGESTS` holds them to that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

Shape = tuple[int, ...]
Layout = dict[str, Shape]

DIGESTS = {
    1: "f8a5531af299435c6552993fc6a0dc4fdb93ca4c35a4688450199118588cf396",
    2: "5917ead635b68153830d4cae331f784ce6abacdf96a75bcba86a05767a7154d7",
}
"""SHA-256 of the sorted lines ``name [320,4,3,3]`` of the whole model, by version."""

CHANNELS = (320, 640, 1280, 1280)
TIME = 1280


def published(version: int) -> Layout:
    """All weights of SD 1.5 (version 1) or 2.1 (version 2) by their original names."""
    text = clip() if version == 1 else open_clip()
    prefix = "cond_stage_model.transformer.text_model." if version == 1 else "cond_stage_model.model."
    return {
        **{f"model.diffusion_model.{name}": shape for name, shape in unet(version)},
        **{f"first_stage_model.{name}": shape for name, shape in vae()},
        **{prefix + name: shape for name, shape in text},
    }


def digest(layout: Layout) -> str:
    """See `DIGESTS`."""
    lines = sorted(f"{name} [{','.join(map(str, shape))}]\n" for name, shape in layout.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _layer(name: str, *weight: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", weight
    yield f"{name}.bias", weight[:1]


def unet(version: int) -> Iterator[tuple[str, Shape]]:
    """``ldm.modules.diffusionmodules.openaimodel.UNetModel`` with channel_mult 1, 2, 4, 4."""
    context = 768 if version == 1 else 1024
    yield from _layer("time_embed.0", TIME, CHANNELS[0])
    yield from _layer("time_embed.2", TIME, TIME)
    yield from _layer("input_blocks.0.0", CHANNELS[0], 4, 3, 3)
    number, width, skips = 0, CHANNELS[0], [CHANNELS[0]]
    for level, channels in enumerate(CHANNELS):
        for _ in range(2):
            number += 1
            yield from _resnet(f"input_blocks.{number}.0", width, channels)
            if level < 3:
                yield from _attention(f"input_blocks.{number}.1", channels, context, version)
            width = channels
            skips.append(width)
        if level < 3:
            number += 1
            yield from _layer(f"input_blocks.{number}.0.op", width, width, 3, 3)
            skips.append(width)
    yield from _resnet("middle_block.0", width, width)
    yield from _attention("middle_block.1", width, context, version)
    yield from _resnet("middle_block.2", width, width)
    for number in range(12):
        level = 3 - number // 3
        channels = CHANNELS[level]
        yield from _resnet(f"output_blocks.{number}.0", width + skips.pop(), channels)
        if level < 3:
            yield from _attention(f"output_blocks.{number}.1", channels, context, version)
        if number % 3 == 2 and level > 0:
            yield from _layer(f"output_blocks.{number}.{1 if level == 3 else 2}.conv", channels, channels, 3, 3)
        width = channels
    yield from _layer("out.0", width)
    yield from _layer("out.2", 4, width, 3, 3)


def _resnet(name: str, before: int, after: int) -> Iterator[tuple[str, Shape]]:
    yield from _layer(f"{name}.in_layers.0", before)
    yield from _layer(f"{name}.in_layers.2", after, before, 3, 3)
    yield from _layer(f"{name}.emb_layers.1", after, TIME)
    yield from _layer(f"{name}.out_layers.0", after)
    yield from _layer(f"{name}.out_layers.3", after, after, 3, 3)
    if before != after:
        yield from _layer(f"{name}.skip_connection", after, before, 1, 1)


def _attention(name: str, width: int, context: int, version: int) -> Iterator[tuple[str, Shape]]:
    kernel = (1, 1) if version == 1 else ()  # version 2 projects linearly
    yield from _layer(f"{name}.norm", width)
    yield from _layer(f"{name}.proj_in", width, width, *kernel)
    yield from _layer(f"{name}.proj_out", width, width, *kernel)
    block = f"{name}.transformer_blocks.0"
    for attention, seen in (("attn1", width), ("attn2", context)):
        yield f"{block}.{attention}.to_q.weight", (width, width)
        yield f"{block}.{attention}.to_k.weight", (width, seen)
        yield f"{block}.{attention}.to_v.weight", (width, seen)
        yield from _layer(f"{block}.{attention}.to_out.0", width, width)
    yield from _layer(f"{block}.ff.net.0.proj", 8 * width, width)
    yield from _layer(f"{block}.ff.net.2", width, 4 * width)
    for norm in ("norm1", "norm2", "norm3"):
        yield from _layer(f"{block}.{norm}", width)


def vae() -> Iterator[tuple[str, Shape]]:
    """``ldm.models.autoencoder.AutoencoderKL`` with ch 128, ch_mult 1, 2, 4, 4."""
    channels = (128, 256, 512, 512)
    yield from _layer("encoder.conv_in", 128, 3, 3, 3)
    width = 128
    for level, after in enumerate(channels):
        for block in range(2):
            yield from _vae_resnet(f"encoder.down.{level}.block.{block}", width, after)
            width = after
        if level < 3:
            yield from _layer(f"encoder.down.{level}.downsample.conv", width, width, 3, 3)
    yield from _vae_end("encoder", width, 8)
    yield from _layer("quant_conv", 8, 8, 1, 1)
    yield from _layer("post_quant_conv", 4, 4, 1, 1)
    yield from _layer("decoder.conv_in", 512, 4, 3, 3)
    for level in (3, 2, 1, 0):
        for block in range(3):
            yield from _vae_resnet(f"decoder.up.{level}.block.{block}", width, channels[level])
            width = channels[level]
        if level > 0:
            yield from _layer(f"decoder.up.{level}.upsample.conv", width, width, 3, 3)
    yield from _vae_end("decoder", width, 3)


def _vae_end(side: str, width: int, out: int) -> Iterator[tuple[str, Shape]]:
    for name in ("block_1", "block_2"):
        yield from _vae_resnet(f"{side}.mid.{name}", 512, 512)
    yield from _layer(f"{side}.mid.attn_1.norm", 512)
    for name in ("q", "k", "v", "proj_out"):
        yield from _layer(f"{side}.mid.attn_1.{name}", 512, 512, 1, 1)
    yield from _layer(f"{side}.norm_out", width)
    yield from _layer(f"{side}.conv_out", out, width, 3, 3)


def _vae_resnet(name: str, before: int, after: int) -> Iterator[tuple[str, Shape]]:
    yield from _layer(f"{name}.norm1", before)
    yield from _layer(f"{name}.conv1", after, before, 3, 3)
    yield from _layer(f"{name}.norm2", after)
    yield from _layer(f"{name}.conv2", after, after, 3, 3)
    if before != after:
        yield from _layer(f"{name}.nin_shortcut", after, before, 1, 1)


def clip() -> Iterator[tuple[str, Shape]]:
    """SD 1's text encoder: transformers' CLIP ViT-L/14 of 2022."""
    yield "embeddings.position_ids", (1, 77)
    yield "embeddings.token_embedding.weight", (49408, 768)
    yield "embeddings.position_embedding.weight", (77, 768)
    for number in range(12):
        layer = f"encoder.layers.{number}"
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from _layer(f"{layer}.self_attn.{name}", 768, 768)
        yield from _layer(f"{layer}.layer_norm1", 768)
        yield from _layer(f"{layer}.layer_norm2", 768)
        yield from _layer(f"{layer}.mlp.fc1", 3072, 768)
        yield from _layer(f"{layer}.mlp.fc2", 768, 3072)
    yield from _layer("final_layer_norm", 768)


def open_clip() -> Iterator[tuple[str, Shape]]:
    """SD 2's text encoder: OpenCLIP's ViT-H/14, all 24 layers."""
    yield "positional_embedding", (77, 1024)
    yield "token_embedding.weight", (49408, 1024)
    yield "text_projection", (1024, 1024)
    yield "logit_scale", ()
    yield from _layer("ln_final", 1024)
    for number in range(24):
        layer = f"transformer.resblocks.{number}"
        yield f"{layer}.attn.in_proj_weight", (3072, 1024)
        yield f"{layer}.attn.in_proj_bias", (3072,)
        yield from _layer(f"{layer}.attn.out_proj", 1024, 1024)
        yield from _layer(f"{layer}.ln_1", 1024)
        yield from _layer(f"{layer}.ln_2", 1024)
        yield from _layer(f"{layer}.mlp.c_fc", 4096, 1024)
        yield from _layer(f"{layer}.mlp.c_proj", 1024, 4096)
