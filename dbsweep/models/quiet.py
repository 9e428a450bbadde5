"""Keeping the libraries' own words off the screen: what matters of them is raised as an error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging


@contextmanager
def without_reports() -> Iterator[None]:
    """Inside, diffusers and transformers log errors alone.

    Their reports tell of weights that a file has too many, or lacks, after which they go on with noise in their place.
    """
    before = [(library, library.get_verbosity()) for library in (diffusers_logging, transformers_logging)]
    for library, _ in before:
        library.set_verbosity_error()
    try:
        yield
    finally:
        for library, verbosity in before:
            library.set_verbosity(verbosity)
