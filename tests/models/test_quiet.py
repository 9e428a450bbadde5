"""The libraries' words come back when the block is left, however that is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from dbsweep.models.quiet import without_reports


@pytest.fixture(params=[diffusers_logging, transformers_logging])
def library(request: pytest.FixtureRequest) -> Iterator[Any]:
    """One that tells more than it does by itself."""
    before = request.param.get_verbosity()
    request.param.set_verbosity(logging.INFO)
    yield request.param
    request.param.set_verbosity(before)


def test_inside_errors_alone_are_logged_and_after_it_what_was_before(library: Any) -> None:
    with without_reports():
        with without_reports():
            assert library.get_verbosity() == logging.ERROR
        assert library.get_verbosity() == logging.ERROR
    assert library.get_verbosity() == logging.INFO


def test_an_error_is_no_reason_to_stay_silent(library: Any) -> None:
    with pytest.raises(ValueError, match="damaged"), without_reports():
        raise ValueError("damaged")
    assert library.get_verbosity() == logging.INFO
