"""Which checkpoint a run's answers are about, and what is said where there is none."""

from __future__ import annotations

import pytest

from dbsweep.errors import RunError
from dbsweep.records.choice import Overrule
from dbsweep.records.run import RunRecord
from dbsweep.reports.kept import chosen, kept
from tests.reports.synthetic import Synthetic


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return Synthetic(tmp_path_factory.mktemp("run")).record


@pytest.mark.parametrize(
    ("finished", "handle", "message"),
    [
        (
            None,
            None,
            r"is not over; if it was interrupted, go on with `dbsweep resume demo`; see `dbsweep trials demo`",
        ),
        (None, "/far/demo", r"`dbsweep resume /far/demo`; see `dbsweep trials /far/demo`"),
        (1.8e9, None, "it is over, and no checkpoint could be chosen; see `dbsweep trials demo`"),
    ],
)
def test_without_a_choice_the_error_says_where_to_look(
    record: RunRecord, finished: float | None, handle: str | None, message: str
) -> None:
    unchosen = record.model_copy(update={"name": "demo", "choice": None, "finished": finished})
    for answer in (chosen, kept):
        with pytest.raises(RunError, match=message):
            answer(unchosen, handle)


def test_the_person_s_choice_is_kept_beside_the_recommended_one(record: RunRecord) -> None:
    assert record.choice is not None
    first, second, *_ = record.choice.candidates
    assert kept(record) == chosen(record).best == first
    overruled = record.model_copy(update={"overrule": Overrule(candidate=second, because="sharper", time=1.8e9)})
    assert (kept(overruled), chosen(overruled).best) == (second, first)
