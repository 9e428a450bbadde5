"""Why each trial stands where it does, in every text that tells of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dbsweep.records.choice import Overrule
from dbsweep.records.names import TrialState, VerdictState
from dbsweep.records.results import Verdict
from dbsweep.records.run import RunRecord
from dbsweep.reports.contract import trials_json
from dbsweep.reports.data import report_data
from dbsweep.reports.listings import best_text, trials_text
from dbsweep.reports.reasons import reason, reasons, verdict_sentence
from dbsweep.reports.trials import trial_table

OUTRUN = "outrun: utility 0.100 by epoch 20 and at most 0.200 later, where b02-000240 had 0.800 already"


def ended(record: RunRecord, trial: str, state: TrialState, why: str, verdict: Verdict | None) -> RunRecord:
    """The record as if the trial's branch had ended after its first checkpoint."""
    branch = record.path_of(trial).segments[0][0]
    first = min(c.step for c in record.checkpoints.values() if c.branch == branch)
    verdicts = {key: each for key, each in record.verdicts.items() if key != trial}
    return record.model_copy(
        update={
            "states": {**record.states, trial: state},
            "branch_states": {**record.branch_states, branch: state},
            "failures": {branch: why},
            "verdicts": verdicts if verdict is None else {**verdicts, trial: verdict},
            "checkpoints": {k: c for k, c in record.checkpoints.items() if c.branch != branch or c.step <= first},
        }
    )


LEARNING = Verdict(state=VerdictState.LEARNING, onset_step=None, evidence="identity 0.20 at epoch 10")
LOST = Verdict(state=VerdictState.OVERTRAINED, onset_step=120, evidence="style fell from 0.9 to 0.3")


@pytest.mark.parametrize(
    ("state", "why", "verdict", "said"),
    [
        (TrialState.STOPPED, OUTRUN, LEARNING, f"identity 0.20 at epoch 10; ended early: {OUTRUN}"),
        (TrialState.STOPPED, LOST.evidence, LOST, LOST.evidence),
        (TrialState.FAILED, "out of memory", LEARNING, "identity 0.20 at epoch 10; failed: out of memory"),
        (TrialState.FAILED, "out of memory", None, "failed: out of memory"),
        (TrialState.INTERRUPTED, "asked to stop", None, "interrupted: asked to stop"),
        (TrialState.COMPLETED, "out of memory", LEARNING, LEARNING.evidence),  # its branch went on without it
        (TrialState.PENDING, "", None, ""),
    ],
)
def test_the_reason_is_the_verdicts_evidence_and_what_ended_it(
    record: RunRecord, state: TrialState, why: str, verdict: Verdict | None, said: str
) -> None:
    assert reason(ended(record, "t006", state, why, verdict), "t006") == said


def test_trials_and_their_json_say_why(record: RunRecord) -> None:
    stopped = ended(record, "t006", TrialState.STOPPED, OUTRUN, LEARNING)
    line = f"- t006: still learning: identity 0.20 at epoch 10; ended early: {OUTRUN}"
    assert line in trials_text(stopped)
    (told,) = [trial for trial in json.loads(json.dumps(trials_json(stopped))) if trial["trial"] == "t006"]
    assert told["reason"] == line.removeprefix("- t006: still learning: ")


def test_trials_that_have_a_reason_in_common_share_a_line(record: RunRecord) -> None:
    same = dict.fromkeys(("t003", "t005", "t006"), LOST)
    lines = reasons(record.model_copy(update={"verdicts": same}))
    assert lines == ["t003, t005, t006: overtrained from epoch 10 on: style fell from 0.9 to 0.3"]
    nothing = record.model_copy(update={"verdicts": {}})
    assert reasons(nothing) == []
    assert "Why:" not in trials_text(nothing)


def test_a_trial_that_was_outrun_does_not_seem_to_go_on(record: RunRecord, run_folder: Path) -> None:
    stopped = ended(record, "t006", TrialState.STOPPED, OUTRUN, LEARNING)
    row = next(row for row in trial_table(stopped).rows if row.trial == "t006")
    assert row.badge == ("learning", "ended early, still learning")
    assert row.evidence.endswith(OUTRUN)
    data = report_data(stopped, run_folder)
    assert [s.evidence for s in data.strips if s.trial == "t006"] == [row.evidence]


@pytest.mark.parametrize(("steps", "side"), [(12, ", not yet at epoch {}"), (0, ", at epoch {} too"), (None, "")])
def test_the_verdict_on_the_kept_checkpoints_training_is_told_beside_it(
    record: RunRecord, run_folder: Path, steps: int | None, side: str
) -> None:
    best = record.kept
    assert best is not None
    onset = None if steps is None else best.step + 10 * steps
    state = VerdictState.READY if onset is None else VerdictState.OVERTRAINED
    verdict = Verdict(state=state, onset_step=onset, evidence="identity 0.80 at epoch 60")
    judged = record.model_copy(update={"verdicts": {best.trial: verdict}})
    word = "ready" if onset is None else f"overtrained from epoch {onset // 12} on"
    sentence = f"Verdict on {best.trial} while it trained: {word}{side.format(best.epoch)}: identity 0.80 at epoch 60."
    assert verdict_sentence(judged) == sentence
    assert sentence in best_text(judged, run_folder)
    decision = report_data(judged, run_folder).decision
    assert decision is not None
    assert decision.verdict == sentence


def test_an_onset_without_a_checkpoint_is_told_by_its_step(record: RunRecord) -> None:
    lost = LOST.model_copy(update={"onset_step": 125})
    (line,) = reasons(record.model_copy(update={"verdicts": {"t003": lost}}))
    assert line == "t003: overtrained from step 125 on: style fell from 0.9 to 0.3"


def test_without_a_verdict_or_a_choice_there_is_nothing_to_say(record: RunRecord) -> None:
    assert verdict_sentence(record.model_copy(update={"verdicts": {}})) == ""
    assert verdict_sentence(record.model_copy(update={"choice": None})) == ""


def test_the_verdict_is_on_what_the_person_keeps(record: RunRecord) -> None:
    assert record.choice is not None
    mine = min((c for c in record.choice.candidates if c.trial == "t006"), key=lambda c: c.step)
    overruled = record.model_copy(update={"overrule": Overrule(candidate=mine, because="sharper", time=0.0)})
    verdict = record.verdicts["t006"]
    onset = (verdict.onset_step or 0) // 12
    said = f"overtrained from epoch {onset} on, not yet at epoch {mine.epoch}: {verdict.evidence}"
    assert verdict_sentence(overruled) == f"Verdict on t006 while it trained: {said}."
