"""What is given as a model and is none, or one of another kind, is refused in one line; no file runs code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from spandrel import MAIN_REGISTRY, MaskedImageModelDescriptor
from spandrel.architectures.LaMa import LaMaArch
from torch import nn

from dbsweep.errors import ModelError
from dbsweep.postprocess.image_models import load_face_restorer, load_upscaler
from tests.postprocess.small_models import compact, restoreformer, seeded, write_model


class RunsCode:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt"])
def test_a_pickle_that_wants_to_run_code_is_refused_and_has_not_run_it(suffix: str, tmp_path: Path) -> None:
    file, trace = tmp_path / f"model{suffix}", tmp_path / "trace"
    torch.save({"params_ema": compact().state_dict(), "more": RunsCode(trace)}, file)
    with pytest.raises(ModelError, match=r"--upscaler: .* refused, it is a pickle that holds code besides weights"):
        load_upscaler(file, "cpu")
    assert not trace.exists()


def half_of_a_model(path: Path) -> Path:
    state = dict(list(restoreformer().state_dict().items())[:-3])
    safetensors.torch.save_file({key: value.contiguous() for key, value in state.items()}, path)
    return path


def broken(path: Path) -> Path:
    model = compact()
    with torch.no_grad():
        next(model.parameters())[0, 0, 0, 0] = float("nan")
    return write_model(path, model)


def grey(path: Path) -> Path:
    from spandrel.architectures.Compact import Compact

    return write_model(path, seeded(lambda: Compact(num_in_ch=1, num_out_ch=1, num_feat=8, num_conv=1)))


def text(path: Path) -> Path:
    path.write_text("no model")
    return path


@pytest.mark.parametrize(
    ("make", "name", "message"),
    [
        (lambda path: path, "nowhere.pth", r"there is no file '.*nowhere\.pth'"),
        (text, "model.pth", r"model\.pth refused, it is damaged"),
        (text, "model.safetensors", r"model\.safetensors cannot be read, it is damaged or no model \(Safetensor"),
        (text, "model.onnx", r"model\.onnx is no model file; give a \.safetensors or a \.pth file"),
        (lambda path: write_model(path, nn.Linear(2, 2)), "model.pth", r"is no model of pictures that spandrel knows"),
        (half_of_a_model, "model.safetensors", r"model\.safetensors cannot be loaded \(RuntimeError: .*; get it again"),
        (grey, "model.pth", r"model\.pth makes 1 channels of 1; give a model of RGB"),
        (broken, "model.pth", r"model\.pth: NaN or infinity stands in place of numbers in 1 weight, such as body"),
    ],
    ids=["missing", "text", "no-safetensors", "suffix", "other", "half", "grey", "nan"],
)
@pytest.mark.parametrize(
    ("load", "option"), [(load_upscaler, "--upscaler"), (load_face_restorer, "--restore-faces")], ids=["up", "faces"]
)
def test_what_is_no_model_is_refused(
    load: Callable[[Path, str], object], option: str, make: Callable[[Path], Path], name: str, message: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    with pytest.raises(ModelError, match=f"^{option}: .*{message}") as refused:
        load(make(tmp_path / name), "cpu")
    assert "\n" not in str(refused.value)


def test_the_one_given_for_the_other_is_told(tmp_path: Path) -> None:
    restores = write_model(tmp_path / "face.safetensors", restoreformer())
    with pytest.raises(ModelError, match=r"\(RestoreFormer\) restores faces .*: give it as --restore-faces"):
        load_upscaler(restores, "cpu")
    enlarges = write_model(tmp_path / "large.safetensors", compact())
    with pytest.raises(ModelError, match=r"\(RealESRGAN Compact\) is no restorer of faces .*: give it as --upscaler"):
        load_face_restorer(enlarges, "cpu")


@pytest.mark.filterwarnings("ignore:`torch.jit")  # how one is made is deprecated, and there are such files
def test_a_torchscript_archive_is_not_run(tmp_path: Path) -> None:
    traced = torch.jit.trace(compact(), torch.zeros(1, 3, 8, 8))  # type: ignore[no-untyped-call]
    traced.save(tmp_path / "model.pt")
    with pytest.raises(ModelError, match=r"model\.pt cannot be read, .*TorchScript"):
        load_upscaler(tmp_path / "model.pt", "cpu")


def test_one_that_fills_holes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one architecture of this kind has 51 million weights, so another network stands for it here."""

    def load(state: dict[str, Any]) -> MaskedImageModelDescriptor[nn.Module]:
        return MaskedImageModelDescriptor(
            compact(), state["params_ema"], architecture=LaMaArch(), purpose="Inpainting", tags=[],
            supports_half=False, supports_bfloat16=False, input_channels=4, output_channels=3,
        )  # fmt: skip

    monkeypatch.setattr(MAIN_REGISTRY, "load", load)
    with pytest.raises(ModelError, match=r"model\.pth \(LaMa\) fills holes in pictures, which is not done here"):
        load_upscaler(write_model(tmp_path / "model.pth", compact()), "cpu")
