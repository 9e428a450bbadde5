"""Tests of the command line as a whole: mistakes as one clear message with exit code 2."""

from __future__ import annotations

import pytest

from dbsweep import __version__
from tests.sweep.files import write_experiment


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--set", "train.seeed=3"), "seed"),
        (("--set", "search.learning_rate=[-1e-6]"), "search.learning_rate[0]"),
        (("--set", "search.epochs=[]"), "search.epochs"),
        (("--set", "search.optimizer=[adamw,prodigy]"), "search.optimizer: optimizer 'prodigy' cannot be trained"),
        (("--set", "name=../escape"), "name"),
    ],
)
def test_a_wrong_setting_is_one_message_and_exit_code_2(dbsweep, tmp_path, words, message):
    code, out, err = dbsweep("plan", write_experiment(tmp_path), *words)
    assert code == 2
    assert out == ""
    assert message in err
    assert "Traceback" not in err


def test_the_version_is_printed(dbsweep):
    assert dbsweep("--version") == (0, f"dbsweep {__version__}\n", "")
