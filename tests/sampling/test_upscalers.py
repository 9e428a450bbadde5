"""What enlarges has A1111's name, and a short one."""

from __future__ import annotations

import pytest

from dbsweep.errors import DbsweepError
from dbsweep.sampling.upscalers import UPSCALERS, upscaler_named


def test_a1111s_names_stay() -> None:
    assert [upscaler_named(name) for name in UPSCALERS] == list(UPSCALERS)


@pytest.mark.parametrize(
    ("short", "name"),
    [
        ("latent", "Latent"),
        ("latent-nearest", "Latent (nearest)"),
        ("latent-nearest-exact", "Latent (nearest-exact)"),
        ("latent-bicubic-antialiased", "Latent (bicubic antialiased)"),
        ("LANCZOS", "Lanczos"),
    ],
)
def test_short_names_need_no_quotes(short: str, name: str) -> None:
    assert upscaler_named(short) == name


def test_an_unknown_name_is_told_with_those_that_are_known() -> None:
    with pytest.raises(DbsweepError, match=r"unknown hires upscaler '4x-UltraSharp' \(known: Latent, "):
        upscaler_named("4x-UltraSharp")
