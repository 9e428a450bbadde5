"""What one model has learned beyond another, added to a third: arithmetic, and what is refused."""

from __future__ import annotations

import copy
import functools
from pathlib import Path

import pytest
import torch

from dbsweep.errors import ModelError
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.loading import load_base
from dbsweep.models.merging import SetAside, add_difference, set_aside, take_difference
from tests.tiny_models import write_pipeline

Weights = dict[str, torch.Tensor]


@pytest.fixture(scope="module", params=[(1, "epsilon"), (2, "v_prediction")], ids=["sd1", "sd2"])
def narrow(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three models of SD 1.5's or 2.1's layers: custom, trained, base."""
    version, prediction_type = request.param
    root = tmp_path_factory.mktemp("narrow")
    return [
        write_pipeline(root / str(seed), seed=seed, version=version, prediction_type=prediction_type)
        for seed in range(3)
    ]


@functools.cache
def loaded(path: Path) -> StableDiffusion:
    """Loaded once; not to be changed."""
    return load_base(str(path))


def fresh(path: Path) -> StableDiffusion:
    """A model that the test may change."""
    return copy.deepcopy(loaded(path))


def weights(models: StableDiffusion) -> Weights:
    return {
        f"{name}.{key}": value.clone()
        for name, network in models.networks.items()
        for key, value in network.state_dict().items()
    }


def difference(trained: StableDiffusion, base: StableDiffusion, folder: Path) -> SetAside:
    aside = set_aside(base, "base", folder / "base.safetensors")
    return take_difference(trained, "trained", aside, folder / "difference.safetensors")


@pytest.mark.parametrize("multiplier", [0.75, 1.0, -0.3])
def test_every_weight_is_that_of_the_formula(narrow: list[Path], tmp_path: Path, multiplier: float) -> None:
    custom, trained, base = (fresh(path) for path in narrow)
    a, b, c = (weights(models) for models in (custom, trained, base))
    add_difference(custom, "custom", difference(trained, base, tmp_path), multiplier, torch.float32)
    for key, value in weights(custom).items():
        wanted = a[key].double() + multiplier * (b[key].double() - c[key].double())
        torch.testing.assert_close(value.double(), wanted, rtol=1e-6, atol=1e-6, msg=key)
    assert not torch.equal(weights(custom)["unet.conv_in.weight"], a["unet.conv_in.weight"])


def test_by_nothing_every_weight_stays_to_the_bit(narrow: list[Path], tmp_path: Path) -> None:
    custom, trained, base = (fresh(path) for path in narrow)
    with torch.no_grad():
        custom.unet.conv_in.bias.zero_().neg_()  # to which adding 0 would make another bit
    before = weights(custom)
    add_difference(custom, "custom", difference(trained, base, tmp_path), 0.0, torch.float32)
    for key, value in weights(custom).items():
        assert value.numpy().tobytes() == before[key].numpy().tobytes(), key


def test_what_was_learned_on_a_model_gives_the_trained_one_again(narrow: list[Path], tmp_path: Path) -> None:
    trained, base = fresh(narrow[1]), fresh(narrow[2])
    wanted = weights(trained)
    add_difference(base, "base", difference(trained, fresh(narrow[2]), tmp_path), 1.0, torch.float32)
    for key, value in weights(base).items():
        torch.testing.assert_close(value, wanted[key], rtol=1e-6, atol=1e-6, msg=key)


def test_the_files_of_the_models_stay_as_they_are(narrow: list[Path], tmp_path: Path) -> None:
    files = [file for path in narrow for file in sorted(path.rglob("*.safetensors"))]
    before = [file.read_bytes() for file in files]
    custom, trained, base = (load_base(str(path)) for path in narrow)
    add_difference(custom, "custom", difference(trained, base, tmp_path), 0.75, torch.float32)
    assert [file.read_bytes() for file in files] == before


def test_only_what_was_learned_is_set_aside(tiny_sd: Path, tmp_path: Path) -> None:
    """A text encoder that was never trained, and the VAE, take no room."""
    trained = fresh(tiny_sd)
    with torch.no_grad():
        trained.unet.conv_in.bias.add_(1)
    learned = difference(trained, fresh(tiny_sd), tmp_path)
    assert learned.path.stat().st_size < 1000
    assert not learned.changes_vae
    custom = fresh(tiny_sd)
    before = weights(custom)
    add_difference(custom, "custom", learned, 0.5, torch.float32)
    changed = {key for key, value in weights(custom).items() if not torch.equal(value, before[key])}
    assert changed == {"unet.conv_in.bias"}
    torch.testing.assert_close(custom.unet.conv_in.bias, before["unet.conv_in.bias"] + 0.5)


def test_the_vae_takes_part_where_it_was_trained(tiny_sd: Path, tmp_path: Path) -> None:
    trained, custom = fresh(tiny_sd), fresh(tiny_sd)
    with torch.no_grad():
        trained.vae.quant_conv.bias.fill_(2)
        custom.vae.quant_conv.bias.fill_(5)
    base = fresh(tiny_sd)
    with torch.no_grad():
        base.vae.quant_conv.bias.fill_(1)
    learned = difference(trained, base, tmp_path)
    assert learned.changes_vae
    add_difference(custom, "custom", learned, 0.5, torch.float32)
    assert custom.vae.quant_conv.bias.unique().tolist() == [5.5]


def test_models_without_a_difference_are_refused(tiny_sd: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="trained has the very weights of base: there is nothing"):
        difference(fresh(tiny_sd), fresh(tiny_sd), tmp_path)


def test_other_versions_and_predictions_are_refused(tmp_path: Path) -> None:
    first = load_base(str(write_pipeline(tmp_path / "1", version=1)))
    second = load_base(str(write_pipeline(tmp_path / "2", version=2)))
    v = load_base(str(write_pipeline(tmp_path / "v", version=2, prediction_type="v_prediction")))
    with pytest.raises(ModelError, match="trained is a Stable Diffusion 1 and base a Stable Diffusion 2: only models"):
        difference(first, second, tmp_path)
    with pytest.raises(ModelError, match="trained predicts v_prediction and base epsilon: only models that predict"):
        difference(v, second, tmp_path)
    learned = difference(first, load_base(str(write_pipeline(tmp_path / "a", version=1, seed=1))), tmp_path)
    with pytest.raises(ModelError, match="custom is a Stable Diffusion 2 and trained a Stable Diffusion 1"):
        add_difference(second, "custom", learned, 1.0, torch.float32)


def test_other_layers_and_shapes_are_refused(tiny_sd: Path, tmp_path: Path) -> None:
    base = fresh(tiny_sd)
    wider = copy.deepcopy(base)
    wider.text_encoder.resize_token_embeddings(wider.text_encoder.config.vocab_size + 1)
    with pytest.raises(ModelError, match=r"token_embedding\.weight is \(\d+, 32\) in trained and \(\d+, 32\) in base"):
        difference(wider, base, tmp_path)
    shorter = copy.deepcopy(base)
    del shorter.text_encoder.encoder.layers[1]
    with pytest.raises(ModelError, match=r"base has text_encoder\.encoder\.layers\.1\.\S+ and trained has not"):
        difference(shorter, base, tmp_path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("whose", ["base", "trained", "custom"])
def test_weights_that_are_not_finite_are_refused(tiny_sd: Path, tmp_path: Path, value: float, whose: str) -> None:
    models = {name: fresh(tiny_sd) for name in ("custom", "trained", "base")}
    with torch.no_grad():
        models["trained"].unet.conv_in.weight.add_(1)
        models[whose].unet.conv_in.bias[3] = value
    with pytest.raises(
        ModelError, match=rf"{whose}: unet is damaged: NaN or infinity .* 1 weight, such as conv_in\.bias;"
    ):
        add_difference(
            models["custom"], "custom", difference(models["trained"], models["base"], tmp_path), 1.0, torch.float32
        )


def test_a_merge_that_its_precision_cannot_hold_is_refused(tiny_sd: Path, tmp_path: Path) -> None:
    custom, trained = fresh(tiny_sd), fresh(tiny_sd)
    with torch.no_grad():
        trained.unet.conv_in.bias.fill_(60_000)
    learned = difference(trained, fresh(tiny_sd), tmp_path)
    with pytest.raises(ModelError, match=r"merged by 2, unet\.conv_in\.bias has values too large for float16"):
        add_difference(custom, "custom", learned, 2.0, torch.float16)
    with pytest.raises(ModelError, match=r"merged by -1e\+300, no weight would be finite: take a smaller multiplier"):
        add_difference(custom, "custom", learned, -1e300, torch.float32)
    add_difference(fresh(tiny_sd), "custom", learned, 2.0, torch.bfloat16)
