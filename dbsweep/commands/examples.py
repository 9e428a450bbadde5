"""What the help of a command ends with: lines to copy and change."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

EXAMPLES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "": ("dbsweep plan experiments/quickstart.yaml", "dbsweep run experiments/quickstart.yaml"),
        "photos": (
            "dbsweep photos photos/me --check",
            "dbsweep photos photos/me data/my_face --crop focal",
            "dbsweep photos photos/me data/my_face --box IMG_7.jpg=820,140,1900",
            "dbsweep photos photos/style data/style --size 768 --split",
        ),
        "caption": (
            "dbsweep caption data/me --model microsoft/git-large-coco --class-word man",
            "dbsweep caption data/art --model SmilingWolf/wd-vit-tagger-v3 --threshold 0.5",
        ),
        "minisd subject": ("dbsweep minisd subject --seed 7 --out data/robot --class robot",),
        "plan": (
            "dbsweep plan my_face.yaml",
            "dbsweep plan my_face.yaml --set resources.gpu_memory_gb=8",
        ),
        "run": (
            "dbsweep run my_face.yaml",
            "dbsweep run my_face.yaml --name second --set train.seed=1",
            "dbsweep run my_face.yaml --address auto --set output=/shared/runs",
        ),
        "resume": ("dbsweep resume my_face",),
        "runs": ("dbsweep runs", "dbsweep runs --runs /shared/runs --json"),
        "best": ("dbsweep best my_face", "dbsweep best my_face --export my_face-best"),
        "trials": ("dbsweep trials my_face", "dbsweep trials my_face --json"),
        "choose": ('dbsweep choose my_face b01-000120 --because "her smile"',),
        "report": ("dbsweep report my_face",),
        "track": ("dbsweep track my_face", "dbsweep track my_face --uri http://mlflow.example.com:5000"),
        "export": (
            "dbsweep export my_face --out my_face.safetensors",
            "dbsweep export my_face@b01-000120 --out my_face_120 --format diffusers",
        ),
        "merge": (
            "dbsweep merge protogen.safetensors my_face --out both.safetensors",
            "dbsweep merge protogen.safetensors my_face --out both \\",
            "    --multiplier 0.75 --multiplier 0.95",
        ),
        "draw": (
            'dbsweep draw my_face --prompt "photo of ohwx man, neon style" --out pictures',
            "dbsweep draw my_face@b01-000120 --prompts night.txt --out night",
            'dbsweep draw minisd --prompt "photo of man|red hair|hat" --matrix --out matrix',
            "dbsweep draw my_face --from pictures/00001.png --cfg-scale 9 --out again",
        ),
        "ideas": (
            'dbsweep ideas "photo of ohwx man" --out ideas.txt \\',
            "    --model Gustavosta/MagicPrompt-Stable-Diffusion",
        ),
        "upscale": (
            "dbsweep upscale pictures --upscaler RealESRGAN_x4plus.pth",
            "dbsweep upscale a.png b.jpg --upscaler 4x-UltraSharp.pth --scale 2 --out big",
            "dbsweep upscale pictures --restore-faces GFPGANv1.4.pth \\",
            "    --face-detector face_detection_yunet_2023mar.onnx",
        ),
        "hash": ("dbsweep hash models/*.safetensors",),
    }
)
"""By command; the empty name is `dbsweep` itself."""


def epilog(command: str = "") -> str:
    """The end of a command's help."""
    return "\n".join(("Examples:", *EXAMPLES[command]))
