"""Starting Ray on this machine, or joining a cluster, without Ray's noise."""

from __future__ import annotations

import logging
import os
import signal
import threading
from typing import Any

import ray

from dbsweep.errors import ResourceError

HUGE_PAGES = "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1"
"""A heap of 2 MiB pages, where Linux leaves it to programs to ask, for all threads: those that have heaps of their own,
as Tune's does that trains, would get such pages for parts of them alone."""

ENVIRONMENT = {
    "GLIBC_TUNABLES": HUGE_PAGES,  # of workers; other C libraries do not read it
    "RAY_AIR_NEW_OUTPUT": "0",  # the new output engine prints to stdout even when it is told to be silent
    "RAY_agent_register_timeout_ms": "120000",  # on busy cores Ray's own helper needs longer than the default
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # paths of the experiment file stay relative to where dbsweep was started
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # silences a warning about trials without GPUs
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the ledger has the metrics
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    # As many as Tune allows its own searchers to have waiting: with one at a time, workers and the machines of an
    # autoscaler would start one after the other.
    "TUNE_MAX_PENDING_TRIALS_PG": "16",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
}
"""What Ray and its workers read from the environment; a value that the person has set wins."""

PASSED_ON = ("HF_", "TRANSFORMERS_")
"""Prefixes of variables that workers on other machines need. MLflow's are not among them: only the driver logs,
and its password would stand in the cluster's job table."""

START_ATTEMPTS = 2
"""Ray gives itself 30 seconds to start; a busy machine with cold files needs more, and the second attempt finds them
warm."""


def set_environment() -> None:
    """What Ray must find before it starts."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # Without its result files Tune would print an error for every trial; the ledger has the metrics.
    logging.getLogger("ray.tune.analysis.experiment_analysis").setLevel(logging.CRITICAL)


def for_cluster_workers() -> dict[str, str]:
    """What workers of a cluster are to find in their environment, which is their machine's and not the driver's.

    Ray puts what a machine has itself in the place of the braces, before Python starts and the C library reads it. Of
    two values of one tunable the last counts; one that a C library does not know it passes over.
    """
    passed = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
    return passed | {"GLIBC_TUNABLES": f"${{GLIBC_TUNABLES}}:{os.environ.get('GLIBC_TUNABLES', HUGE_PAGES)}"}


def start_ray(**options: Any) -> None:  # noqa: ANN401  (`ray.init`'s own)
    """Starts Ray, or joins a cluster, without its noise; what SIGTERM does here stays as it is.

    Raises:
        ResourceError: it does not start.
    """
    set_environment()
    on_sigterm = signal.getsignal(signal.SIGTERM)
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": "error"}
    for attempt in range(START_ATTEMPTS):
        try:
            ray.init(**quiet, **options)
        except SystemExit as end:  # Ray's own answer to SIGTERM, for as long as it takes to start
            if end.code == signal.SIGTERM and callable(on_sigterm):
                signal.signal(signal.SIGTERM, on_sigterm)
                on_sigterm(signal.SIGTERM, None)
            raise
        except Exception as error:
            ray.shutdown()
            if attempt == START_ATTEMPTS - 1:
                reason = " ".join(str(error).split())
                raise ResourceError(f"Ray does not start ({reason}): end other programs, or give --address") from error
        else:
            if on_sigterm is not None and threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, on_sigterm)
            return
