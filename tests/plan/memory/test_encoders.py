"""How large those are who score: counted in a folder, else known or guessed by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dbsweep.config.evaluate import Evaluate
from dbsweep.minisd.paths import clip_path
from dbsweep.plan.memory.dinov2 import dinov2_bytes
from dbsweep.plan.memory.encoders import SMALL_ENCODER, encoder_bytes, guesses, scoring_bytes
from tests.plan.memory.test_model_files import write_header

USUAL = 428_000_000


@pytest.mark.parametrize(
    ("encoder", "parameters"),
    [
        ("minisd", 1_270_000),
        (SMALL_ENCODER, 151_000_000),
        ("ViT-L-14/openai", USUAL),
        ("ViT-L-14-336/openai", USUAL),
        ("ViT-bigG-14/laion2b_s39b_b160k", 2_540_000_000),
        ("ViT-g-14/laion2b_s34b_b88k", 1_367_000_000),
        ("hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K", 151_000_000),
        ("hf-hub:somebody/clip", USUAL),
        ("/models/somebody's", USUAL),
    ],
)
def test_encoders_are_known_by_their_names_and_others_taken_for_the_usual_one(encoder: str, parameters: int) -> None:
    assert encoder_bytes(encoder) == 4 * parameters


@pytest.mark.parametrize("prefix", ["", "local-dir:"])
def test_a_folder_is_as_large_as_its_weights(tmp_path: Path, prefix: str) -> None:
    assert encoder_bytes(f"{prefix}{clip_path()}") == pytest.approx(encoder_bytes("minisd"), rel=0.01)
    write_header(tmp_path / "open_clip_model.safetensors", {"visual.proj": (1024, 768), "logit_scale": ()})
    assert encoder_bytes(f"{prefix}{tmp_path}") == 4 * (1024 * 768 + 1)


def test_of_several_files_the_one_counts_that_open_clip_reads(tmp_path: Path) -> None:
    """Many a repository has the weights of transformers' CLIP beside open_clip's."""
    torch.save({"proj": torch.zeros(7)}, tmp_path / "a.bin")
    assert encoder_bytes(str(tmp_path)) == 4 * 7
    for name, width in (("z.safetensors", 6), ("model.safetensors", 5), ("open_clip_model.safetensors", 4)):
        write_header(tmp_path / name, {"proj": (width,)})
        assert encoder_bytes(str(tmp_path)) == 4 * width


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, b"\x02\0\0\0\0\0\0\0[]"])
def test_weights_that_cannot_be_read_are_a_guess(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "open_clip_model.safetensors").write_bytes(content)
    assert encoder_bytes(str(tmp_path)) == 4 * USUAL
    assert [*guesses(Evaluate(encoder=str(tmp_path)))]


def test_what_is_guessed_is_told(tmp_path: Path) -> None:
    write_header(tmp_path / "model.safetensors", {"proj": (7,)})

    def told(encoder: str, identity: str | None = None) -> list[str]:
        evaluate = {"encoder": encoder, "identity": {} if identity is None else {"encoder": identity}}
        return [*guesses(Evaluate.model_validate(evaluate))]

    for known in ("minisd", "ViT-L-14/openai", SMALL_ENCODER, str(tmp_path), f"local-dir:{tmp_path}"):
        assert told(known, known) == []
    assert told("hf-hub:laion/CLIP-ViT-H-14-laion2B-s32B-b79K", "RN50/openai") == [
        "memory: evaluate.encoder hf-hub:laion/CLIP-ViT-H-14-laion2B-s32B-b79K is taken to be as large as ViT-H-14:"
        " a guess, as only weights in a local folder are counted",
        "memory: evaluate.identity.encoder RN50/openai is taken to be as large as ViT-L-14:"
        " a guess, as only weights in a local folder are counted",
    ]


def test_who_tells_identity_is_counted_beside_who_tells_style() -> None:
    style = encoder_bytes("minisd")

    def counted(**identity: str) -> int:
        return scoring_bytes(Evaluate.model_validate({"encoder": "minisd", "identity": identity}))

    assert counted() == style
    assert counted(encoder=SMALL_ENCODER) == style + 4 * 151_000_000
    assert counted(dinov2="facebook/dinov2-base") == style + dinov2_bytes("facebook/dinov2-base")
    faces = {"face_detector": "/models/yunet.onnx", "face_recognizer": "/models/sface.onnx"}
    assert counted(**faces) == style, "they look on the CPU"
