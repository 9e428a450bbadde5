"""A branch's running verdict counts its ancestors' scorecards, and says when it is over."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.execution.jobs import BranchJob, Fork
from dbsweep.execution.scheduling.judgement import Judgement
from dbsweep.execution.simulated import UNTRAINED, make_scorecard
from dbsweep.records.names import BASE, Metric, VerdictState
from dbsweep.records.results import Scorecard
from tests.execution.sweeps import make_branch_jobs, make_experiment

RUN = Path("/runs/demo")


def card(step: int, identity: float, style: float) -> Scorecard:
    return make_scorecard(str(step), {**UNTRAINED, Metric.IDENTITY: identity, Metric.STYLE: style})


def job(place: int = 0, **evaluate: object) -> BranchJob:
    """Of three branches one, of which the second forks from the first after 20 steps."""
    found = make_branch_jobs(RUN)[place]
    changed = make_experiment(evaluate={**make_experiment().evaluate.model_dump(), **evaluate})
    return found.model_copy(update={"sweep": found.sweep.model_copy(update={"experiment": changed})})


def judgement(of: BranchJob) -> Judgement:
    return Judgement(of, make_scorecard(BASE, UNTRAINED))


def forked(*lineage: Scorecard, **evaluate: object) -> Judgement:
    cards = tuple((10 * place, scored) for place, scored in enumerate(lineage, 1))
    return judgement(job(1, **evaluate).forked(Fork(step=20, checkpoint=RUN / "x", lineage=cards)))


def test_each_scorecard_is_judged_with_those_before_it() -> None:
    judged = judgement(job(patience=0))
    assert judged.add(10, card(10, 0.9, 1.0), finished=False).state is VerdictState.READY
    assert not judged.over
    verdict = judged.add(20, card(20, 0.9, 0.1), finished=False)
    assert (verdict.state, verdict.onset_step) == (VerdictState.OVERTRAINED, 20)
    assert judged.over
    assert judged.evidence == verdict.evidence


def test_the_last_one_may_be_undertrained() -> None:
    assert judgement(job()).add(10, card(10, 0.1, 1.0), finished=False).state is VerdictState.LEARNING
    assert judgement(job()).add(40, card(40, 0.1, 1.0), finished=True).state is VerdictState.UNDERTRAINED


def test_patience_gives_further_looks() -> None:
    judged, over = judgement(job(patience=1)), []
    for step, style in ((10, 1.0), (20, 0.1), (30, 0.1)):
        judged.add(step, card(step, 0.9, style), finished=False)
        over.append(judged.over)
    assert over == [False, False, True]


def test_the_overtrained_go_on_where_that_is_asked_for() -> None:
    judged = judgement(job(patience=0, stop_overtrained=False))
    judged.add(10, card(10, 0.9, 1.0), finished=False)
    assert judged.add(20, card(20, 0.9, 0.1), finished=False).state is VerdictState.OVERTRAINED
    assert not judged.over


def test_a_forks_patience_counts_what_its_ancestors_have_shown() -> None:
    judged = forked(card(10, 0.9, 1.0), card(20, 0.9, 0.1), patience=1)
    assert not judged.over
    assert judged.add(30, card(30, 0.9, 0.1), finished=False).onset_step == 20
    assert judged.over
    alone = judgement(job(1, patience=1))
    alone.add(30, card(30, 0.9, 0.1), finished=False)
    assert not alone.over


@pytest.mark.parametrize(("last", "over"), [(0.1, True), (1.0, False)])
def test_a_fork_of_an_overtrained_branch_is_over_before_its_first_step(last: float, over: bool) -> None:
    judged = forked(card(10, 0.9, 1.0), card(20, 0.9, last), patience=0)
    assert judged.over is over
    assert ("style fell" in judged.evidence) is over


def test_without_any_scorecard_nothing_is_told() -> None:
    judged = judgement(job())
    assert not judged.over
    assert judged.add(10, card(10, 0.9, 1.0), finished=False).evidence == judged.evidence
