"""Captioners and a tagger of random weights, saved as the published ones are, with tokenizers made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BertTokenizer,
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    CLIPImageProcessor,
    Florence2Config,
    Florence2ForConditionalGeneration,
    Florence2Processor,
    GitConfig,
    GitForCausalLM,
    PreTrainedTokenizerFast,
)

WORDS = (
    *("a", "photo", "of", "man", "woman", "dog", "with", "dark", "hair", "and", "glasses", "smiling", "at", "sea"),
    *("portrait", "the", "in", "red", "hat", "beard", "on", "street", "night", "is", "looking", "camera", "wearing"),
)
SIZE = 32
"""Pixels of what they look at."""

_VISION = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
_SEEN = {"size": {"height": SIZE, "width": SIZE}}


def _bert_tokenizer() -> BertTokenizer:
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    return BertTokenizer(vocab={token: place for place, token in enumerate(tokens)}, model_max_length=64)


def _word_tokenizer(**more: Any) -> PreTrainedTokenizerFast:
    """Of a decoder: a word a token, `<s>`, `</s>` and `<pad>`."""
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *WORDS]
    whole = Tokenizer(models.WordLevel({token: place for place, token in enumerate(tokens)}, unk_token="<unk>"))
    whole.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=whole, model_max_length=64, **special, **more)


def _make_talkative(model: torch.nn.Module, seed: int, std: float) -> None:
    """Weights by which different pictures have different words; seed and size were looked for."""
    torch.manual_seed(seed)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=std)


def _save_apart(folder: Path, *parts: Any) -> None:
    """The parts of a processor in files of their own, as in repositories of that time."""
    for part in parts:
        part.save_pretrained(folder)


def write_git(folder: Path) -> Path:
    """As microsoft/git-large-coco is."""
    tokenizer = _bert_tokenizer()
    ids = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    text = {"vocab_size": len(tokenizer), "max_position_embeddings": 64, **_VISION, **ids}
    config = GitConfig(vision_config={**_VISION, "image_size": SIZE, "patch_size": 16}, **text)
    model = GitForCausalLM(config)
    _make_talkative(model, 1, 0.5)
    model.save_pretrained(folder)
    seen = CLIPImageProcessor(size={"shortest_edge": SIZE}, crop_size={"height": SIZE, "width": SIZE})
    _save_apart(folder, seen, tokenizer)
    return folder


def write_blip(folder: Path) -> Path:
    """As Salesforce/blip-image-captioning-large is."""
    tokenizer = _bert_tokenizer()
    ids = {"bos_token_id": 2, "sep_token_id": 3, "eos_token_id": 3, "pad_token_id": 0}
    text = {**_VISION, **ids, "vocab_size": len(tokenizer), "max_position_embeddings": 64, "encoder_hidden_size": 32}
    config = BlipConfig(
        text_config=text, vision_config={**_VISION, "image_size": SIZE, "patch_size": 16}, projection_dim=32
    )
    model = BlipForConditionalGeneration(config)
    _make_talkative(model, 3, 0.5)
    model.save_pretrained(folder)
    _save_apart(folder, BlipImageProcessor(**_SEEN), tokenizer)
    return folder


def write_blip2(folder: Path) -> Path:
    """As Salesforce/blip2-opt-2.7b is."""
    tokenizer = _word_tokenizer()
    processor = Blip2Processor(BlipImageProcessor(**_SEEN), tokenizer, num_query_tokens=4)
    text = {
        "model_type": "opt",
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "word_embed_proj_dim": 32,
        "ffn_dim": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "max_position_embeddings": 64,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "pad_token_id": 1,
    }
    config = Blip2Config(
        vision_config={**_VISION, "image_size": SIZE, "patch_size": 16},
        qformer_config={**_VISION, "encoder_hidden_size": 32, "vocab_size": 8},
        text_config=text,
        num_query_tokens=4,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    model = Blip2ForConditionalGeneration(config)
    _make_talkative(model, 2, 0.8)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def write_florence(folder: Path) -> Path:
    """As florence-community/Florence-2-large is."""
    tokenizer = _word_tokenizer(extra_special_tokens={"image_token": "<image>"})
    seen = CLIPImageProcessor(size={"height": SIZE, "width": SIZE}, do_center_crop=False)
    seen.image_seq_length = 2
    vision = {
        "embed_dim": [8, 8, 16, 32],
        "num_heads": [1, 1, 2, 2],
        "num_groups": [1, 1, 2, 2],
        "depths": [1, 1, 1, 1],
        "window_size": 2,
        "projection_dim": 32,
        "max_position_embeddings": 4,
        "max_temporal_embeddings": 4,
    }
    text = {
        "model_type": "bart",
        "vocab_size": len(tokenizer),
        "d_model": 32,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "max_position_embeddings": 64,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "pad_token_id": 1,
        "decoder_start_token_id": 2,
        "forced_eos_token_id": 2,
    }
    image_token = tokenizer.convert_tokens_to_ids("<image>")
    config = Florence2Config(vision_config=vision, text_config=text, image_token_id=image_token)
    model = Florence2ForConditionalGeneration(config)
    _make_talkative(model, 8, 1.2)
    model.save_pretrained(folder)
    Florence2Processor(seen, tokenizer).save_pretrained(folder)
    return folder


WRITERS = {"git": write_git, "blip": write_blip, "blip-2": write_blip2, "florence2": write_florence}

TAGS = (
    *(("general", 9), ("sensitive", 9), ("questionable", 9), ("explicit", 9)),
    *(("1boy", 0), ("looking_at_viewer", 0), ("^_^", 0), ("black_hair", 0), ("hair", 0)),
    *(("alexa_(amazon)", 4), ("robot_jones", 4)),
)
"""Names and categories, in the order of the published lists: ratings, general tags, characters."""

_VIT = {
    **{"img_size": SIZE, "class_token": False, "global_pool": "avg", "fc_norm": False, "act_layer": "gelu_tanh"},
    **{"embed_dim": 32, "depth": 1, "num_heads": 2},
}


def write_tagger(folder: Path, logits: tuple[float, ...] | None = None) -> Path:
    """As SmilingWolf/wd-vit-tagger-v3 is.

    Args:
        logits: of the tags for whatever is shown; None for weights that look.
    """
    torch.manual_seed(0)
    model = timm.create_model("vit_base_patch16_224", num_classes=len(TAGS), **_VIT)
    torch.nn.init.normal_(model.head.weight, std=2.0)
    if logits is not None:
        model.head.weight.data.zero_()
        model.head.bias.data = torch.tensor(logits)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), folder / "model.safetensors")
    half = [0.5, 0.5, 0.5]
    pretrained = {
        "custom_load": False,
        "input_size": [3, SIZE, SIZE],
        "fixed_input_size": False,
        "interpolation": "bicubic",
        "crop_pct": 1.0,
        "crop_mode": "center",
        "mean": half,
        "std": half,
        "num_classes": len(TAGS),
        "pool_size": None,
        "first_conv": "patch_embed.proj",
        "classifier": "head",
    }
    config = {
        "architecture": "vit_base_patch16_224",
        "num_classes": len(TAGS),
        "num_features": 32,
        "global_pool": "avg",
        "model_args": _VIT,
        "pretrained_cfg": pretrained,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    rows = [f"{place},{name},{category},{1000 - place}" for place, (name, category) in enumerate(TAGS)]
    (folder / "selected_tags.csv").write_text("\n".join(["tag_id,name,category,count", *rows]) + "\n", encoding="utf-8")
    return folder
