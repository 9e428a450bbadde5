"""The search section beside its axes: searcher, scheduler, and what does not fit together."""

from __future__ import annotations

import pytest

from dbsweep.config.schema import Search
from dbsweep.config.search import SchedulerName, SearcherName
from tests.config.conftest import Faults, Load

AXIS = "learning_rate: {loguniform: [1e-6, 1e-3]}"


def test_by_default_points_are_random_and_the_outrun_are_ended(load: Load):
    search = load(f"search:\n  {AXIS}\n  samples: 7\n").search
    assert (search.searcher, search.scheduler) == (SearcherName.RANDOM, SchedulerName.OUTRUN)
    assert search.points_known == 7


def test_a_search_that_learns_survives_its_dump(load: Load):
    section = (
        "search: {samples: 12, searcher: optuna, random_samples: 5, scheduler: asha, epochs: [2, 4], " + AXIS + "}"
    )
    search = load(section).search
    assert search.points_known == 5
    assert list(search.sampled) == ["learning_rate"]
    assert list(search.grid) == ["epochs"]
    dump = search.model_dump(mode="json")
    assert dump["searcher"] == "optuna"
    assert Search.model_validate(dump) == search


@pytest.mark.parametrize(
    ("lines", "path", "message"),
    [
        (AXIS + "\n  searcher: tpe", "searcher", "must be 'random' or 'optuna', got 'tpe'"),
        (AXIS + "\n  scheduler: hyperband", "scheduler", "must be 'outrun', 'asha' or 'none', got 'hyperband'"),
        (AXIS + "\n  reduction_factor: 1", "reduction_factor", "must be greater than 1, got 1"),
        (AXIS + "\n  grace_epochs: 0", "grace_epochs", "must be 'auto' or a whole number from 1 on, got 0"),
        (AXIS + "\n  sheduler: asha", "sheduler", "no setting of `train` has this name; did you mean `scheduler`?"),
    ],
)
def test_wrong_values_are_named(faults: Faults, lines: str, path: str, message: str):
    assert faults(f"search:\n  {lines}\n")[f"search.{path}"].startswith(message)


def test_a_searcher_needs_something_to_propose(faults: Faults):
    (message,) = faults("search: {searcher: optuna, epochs: [2, 4]}\n").values()
    assert "`searcher: optuna` has no effect because no axis is a distribution" in message
