"""Tune is given branches as they are released, and whatever becomes of its trials is told."""

from __future__ import annotations

import math
import pickle
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.result import DONE
from ray.tune.search import Searcher

from dbsweep.execution.jobs import BranchJob
from dbsweep.execution.ray.searcher import JOB, BranchSearcher, EventRelay, as_result, events_in
from dbsweep.execution.scheduling.queue import BranchQueue
from dbsweep.execution.simulated import UNTRAINED, make_scorecard
from dbsweep.records.events import AtWork, BranchEnded, CheckpointScored, Event
from dbsweep.records.names import Metric, TrialState
from tests.execution.on_paper import RUN, scored
from tests.execution.sweeps import make_branch_jobs


class Tuning:
    """A searcher and its relay without Tune; what they tell, and why branches have been halted."""

    def __init__(self) -> None:
        self.told: list[Event] = []
        self.halted: dict[str, str] = {}
        self.stop = threading.Event()
        self.queue = BranchQueue(make_branch_jobs(RUN))
        self.searcher = BranchSearcher(self.queue, self.told.append, self.stop)
        self.relay = EventRelay(self.queue, self.searcher, self.told.append, self.halted)

    def hear(self, trial: Any, *events: Event) -> None:
        self.relay.on_trial_result(1, [], trial, as_result(events))

    @property
    def ends(self) -> list[tuple[str, TrialState, int]]:
        return [(end.branch, end.state, end.last_step) for end in self.told if isinstance(end, BranchEnded)]


@pytest.fixture
def tuning() -> Tuning:
    return Tuning()


def trial(name: str, error_file: Path | None = None) -> Any:
    return SimpleNamespace(trial_id=name, error_file=error_file)


def job_in(suggested: Any) -> BranchJob:
    return BranchJob.model_validate_json(suggested[JOB])


def test_scores_that_are_not_numbers_survive_the_way() -> None:
    event = scored("b01", 1, 1e-4)
    card = make_scorecard("b01-000010", {**UNTRAINED, Metric.STYLE: math.nan})
    (told,) = events_in(as_result([event.model_copy(update={"scorecard": card})]))
    assert isinstance(told, CheckpointScored)
    assert told.scorecard is not None
    assert math.isnan(told.scorecard.value(Metric.STYLE))
    assert all(math.isnan(sample) for sample in told.scorecard.scores[Metric.STYLE].samples)
    assert told.scorecard.value(Metric.PRIOR) == 1.0


def test_results_of_tunes_own_have_no_events() -> None:
    assert events_in({"training_iteration": 1}) == ()


def test_the_end_of_a_branch_is_the_end_of_its_trial() -> None:
    end = BranchEnded(branch="b01", state=TrialState.COMPLETED, last_step=40)
    assert as_result([scored("b01", 4, 1e-4), end])[DONE] is True
    assert DONE not in as_result([scored("b01", 4, 1e-4)])


def test_a_branch_is_suggested_once_it_is_released(tuning: Tuning) -> None:
    assert job_in(tuning.searcher.suggest("first")).branch.id == "b01"
    assert tuning.searcher.suggest("second") is None
    tuning.hear(trial("first"), scored("b01", 2, 1e-4))
    assert job_in(tuning.searcher.suggest("second")).branch.id == "b02"
    assert tuning.searcher.branch_of == {"first": "b01", "second": "b02"}


def test_what_a_branch_is_at_is_handed_on_and_releases_none(tuning: Tuning) -> None:
    tuning.searcher.suggest("first")
    work = AtWork(branch="b01", step=20, per_s=2.0)
    tuning.hear(trial("first"), work)
    assert tuning.told == [work]
    assert tuning.searcher.suggest("second") is None
    assert tuning.queue.reached("b01") == 0


def test_the_search_is_over_when_all_have_ended(tuning: Tuning) -> None:
    tuning.searcher.suggest("first")
    tuning.hear(trial("first"), BranchEnded(branch="b01", state=TrialState.STOPPED, last_step=10, reason="enough"))
    assert tuning.ends == [(b, TrialState.STOPPED, step) for b, step in (("b01", 10), ("b02", 20), ("b03", 30))]
    assert tuning.searcher.suggest("second") == Searcher.FINISHED


def test_after_the_request_to_stop_nothing_is_suggested(tuning: Tuning) -> None:
    tuning.stop.set()
    assert tuning.searcher.suggest("first") == Searcher.FINISHED
    assert {(branch, state) for branch, state, _ in tuning.ends} == {
        (branch, TrialState.INTERRUPTED) for branch in ("b01", "b02", "b03")
    }


def test_a_worker_that_died_ends_its_branch_with_its_last_words(tuning: Tuning, tmp_path: Path) -> None:
    (tmp_path / "error.txt").write_text("Traceback\n  line\nValueError: no\n\n")
    tuning.searcher.suggest("first")
    tuning.hear(trial("first"), scored("b01", 1, 1e-4))
    tuning.relay.on_trial_error(1, [], trial("first", tmp_path / "error.txt"))
    (end, *_) = (event for event in tuning.told if isinstance(event, BranchEnded))
    assert end == BranchEnded(
        branch="b01", state=TrialState.FAILED, last_step=10, reason="its worker died: ValueError: no"
    )


@pytest.mark.parametrize("file", [None, Path("nowhere")])
def test_a_worker_that_left_no_words_is_told_of(tuning: Tuning, file: Path | None) -> None:
    tuning.searcher.suggest("first")
    tuning.relay.on_trial_error(1, [], trial("first", file))
    reasons = [event.reason for event in tuning.told if isinstance(event, BranchEnded)]
    assert reasons[0] == "its worker died: no reason known"


def test_a_function_that_returns_without_an_end_has_failed_unless_it_was_halted(tuning: Tuning) -> None:
    tuning.searcher.suggest("first")
    tuning.hear(trial("first"), scored("b01", 2, 1e-4))
    tuning.searcher.suggest("second")
    tuning.halted["b01"] = "outrun"
    tuning.relay.on_trial_complete(1, [], trial("first"))
    tuning.relay.on_trial_complete(1, [], trial("second"))
    assert tuning.ends[:2] == [("b01", TrialState.STOPPED, 20), ("b02", TrialState.FAILED, 20)]


def test_an_end_that_was_told_is_not_told_again(tuning: Tuning) -> None:
    tuning.searcher.suggest("first")
    tuning.hear(trial("first"), BranchEnded(branch="b01", state=TrialState.COMPLETED, last_step=40))
    before = list(tuning.told)
    tuning.relay.on_trial_complete(1, [], trial("first"))
    assert tuning.told == before


def test_tune_may_pickle_both(tuning: Tuning) -> None:
    """Queues, threads and what hears of events do not travel."""
    for each in (tuning.searcher, tuning.relay):
        assert vars(pickle.loads(pickle.dumps(each))) == {}
