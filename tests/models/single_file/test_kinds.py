"""Other kinds of file are named and refused."""

from __future__ import annotations

import pytest

from dbsweep.errors import ModelError
from dbsweep.models.single_file.kinds import check_parts, refuse_other_kinds

UNET = "model.diffusion_model."


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        ({"conditioner.embedders.0.transformer.x": (1,)}, "an SDXL model"),
        ({"conditioner.embedders.1.model.x": (1,), f"{UNET}label_emb.0.0.weight": (1,)}, "an SDXL model"),
        ({"conditioner.embedders.0.model.x": (1,), f"{UNET}label_emb.0.0.weight": (1,)}, "SDXL's refiner"),
        ({f"{UNET}joint_blocks.0.x": (1,)}, "a Stable Diffusion 3 model"),
        ({f"{UNET}double_blocks.0.x": (1,)}, "a Flux model"),
        ({"double_blocks.0.x": (1,)}, "a Flux model"),
        ({f"{UNET}time_embed.cond_proj.weight": (8, 256)}, r"a latent consistency model \(LCM\)"),
        ({f"{UNET}label_emb.0.0.weight": (1,)}, "an unCLIP model"),
        ({f"{UNET}input_blocks.0.0.weight": (8, 9, 3, 3), f"{UNET}out.2.weight": (4, 8, 3, 3)}, "an inpainting model"),
        ({f"{UNET}input_blocks.0.0.weight": (8, 5, 3, 3), f"{UNET}out.2.weight": (4, 8, 3, 3)}, "reads 5 channels"),
    ],
)
def test_other_kinds_of_file_are_refused_by_name(names: dict[str, tuple[int, ...]], kind: str) -> None:
    with pytest.raises(
        ModelError, match=rf"base model f: this is .*{kind.removeprefix('a ')}.*only Stable Diffusion 1"
    ):
        refuse_other_kinds("f", names)


@pytest.mark.parametrize("name", ["lora_unet_x.lora_down.weight", "unet.x.lora_A.weight"])
def test_a_lora_is_refused_with_what_to_name_in_its_place(name: str) -> None:
    with pytest.raises(
        ModelError, match=r"^base model f: this is a LoRA.*; name the run that has trained it \(RUN@best\)"
    ):
        refuse_other_kinds("f", {name: (1,)})


def test_a_file_of_parts_names_those_that_it_lacks() -> None:
    check_parts("f", [f"{UNET}x", "cond_stage_model.x"], needs_vae=False)
    with pytest.raises(ModelError, match=r"^base model f: not a whole .*, it has no text encoder and no VAE$"):
        check_parts("f", [f"{UNET}x"], needs_vae=True)


def test_a_file_that_lacks_nothing_but_a_vae_is_told_how_to_get_one() -> None:
    with pytest.raises(ModelError, match=r"^base model f: it has no VAE; name one: vae: stabilityai/sd-vae-ft-mse, or"):
        check_parts("f", [f"{UNET}x", "conditioner.embedders.0.model.x"], needs_vae=True)
