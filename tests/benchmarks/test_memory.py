"""The forecast of memory against what autograd saves, and against the optimizers' own state."""

from __future__ import annotations

import pytest

from benchmarks.memory import counted, modelled


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "half"])
def test_the_model_has_what_minisd_keeps(half: bool):
    (image, prompt), (modelled_image, modelled_prompt) = counted("minisd", half=half), modelled("minisd", half=half)
    assert modelled_image == pytest.approx(image, rel=0.15)
    assert modelled_prompt == pytest.approx(prompt, rel=0.15)
