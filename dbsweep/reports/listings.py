"""Answers of the command line about runs, as text for people."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from dbsweep.config.choosing import Choosing
from dbsweep.config.messages import setting
from dbsweep.records.choice import Candidate, Choice, Overrule
from dbsweep.records.names import BASE
from dbsweep.records.plan import Trial
from dbsweep.records.run import RunRecord
from dbsweep.reports.columns import table
from dbsweep.reports.contract import runs_json
from dbsweep.reports.kept import chosen, kept
from dbsweep.reports.learned import is_not_there, unlearned_sentence
from dbsweep.reports.race import order_words, race_sentence
from dbsweep.reports.reasons import reasons, verdict_sentence
from dbsweep.reports.recipe import draw_command, export_commands
from dbsweep.reports.saving import saving_sentence
from dbsweep.reports.savings import savings_sentences
from dbsweep.reports.strips import swept_settings
from dbsweep.reports.subjects import concept_rows, lagging_sentence
from dbsweep.reports.trials import best_checkpoint, common_settings
from dbsweep.reports.words import in_a_word, listing, plain_number, setting_name
from dbsweep.selection.unmeasurable import unmeasurable
from dbsweep.selection.utility import JUDGED, Utility, utility_for, utility_of

RUNNERS_UP = 8
"""Candidates that are listed, the choice among them."""


def best_text(record: RunRecord, run_folder: Path, handle: str | None = None) -> list[str]:
    """The choice in words, with what would change it and the runners-up; `handle` is what a person types as RUN.

    What to do with it comes last, where a terminal shows it.
    """
    choice, best = chosen(record, handle), kept(record)
    settings = record.settings_of(best.trial)
    lines = [
        f"Run {record.name}: {_headline(record)} (trial {best.trial}, epoch {best.epoch}, step {best.step})",
        "",
        *_overruled(choice, record.overrule),
        choice.reason,
        *filter(None, (unlearned_sentence(record), verdict_sentence(record))),
        *filter(None, (race_sentence(record), saving_sentence(record))),
        "",
        *_concepts(record),
        *(["What would change it:", *(f"- {sentence}" for sentence in choice.changes), ""] if choice.changes else []),
        *(f"Note: {sentence}" for sentence in unmeasurable(record.scorecards[BASE])),
        f"The best by the {choice.formula} ({'; '.join(filter(None, (_front(record), order_words(record))))}):",
        *table(_CANDIDATE_HEADER, (_candidate_row(c) for c in choice.candidates[:RUNNERS_UP])),
        "",
        *(f"  {name:<26} {setting(value)}" for name, value in settings.items()),
        "",
        f"  weights  {run_folder / record.checkpoints[best.checkpoint].path}",
        f"  report   {run_folder / 'report' / 'index.html'}",
    ]
    return lines + _exports(record, handle or record.name)


def _headline(record: RunRecord) -> str:
    """``keep b01-000120``; of one that has not learned the subject and that nobody asked for, no such advice."""
    best = kept(record).checkpoint
    return f"the best is {best}, not your subject yet" if is_not_there(record) else f"keep {best}"


def _front(record: RunRecord) -> str:
    """What the stars say: it is on the front, in which what cannot be measured has no part."""
    missing = utility_for(Choosing(), record.scorecards[BASE]).unmeasurable
    measured = listing(metric.value for metric in JUDGED if metric not in missing)
    return f"* nothing beats it in {measured} at once"


def _concepts(record: RunRecord) -> list[str]:
    """The scores of each concept, and which is behind; nothing where there is only one."""
    rows = concept_rows(record)
    if not rows:
        return []
    cells = [
        (row.name, *(f"{value} ({interval})" if interval else value for value, interval in row.scores)) for row in rows
    ]
    sentence = lagging_sentence(record)
    return [*table(("concept", *JUDGED), cells), *([sentence] if sentence else []), ""]


def _exports(record: RunRecord, handle: str) -> list[str]:
    """What can be had, the first beside the word, and below each its command on a line of its own, to be copied."""
    lines: list[str] = []
    for gives, command in export_commands(record, handle):
        lines += [f"  {'' if lines else 'export':<8} {gives}:", f"{'':<13}{command}"]
    gives, command = draw_command(record, handle)
    return [*lines, f"  {'draw':<8} {gives}:", f"{'':<13}{command}"]


def _overruled(choice: Choice, overrule: Overrule | None) -> list[str]:
    if overrule is None:
        return []
    best = choice.best
    return [
        f"You chose it, because: {overrule.because}",
        f"dbsweep recommends {best.checkpoint} (trial {best.trial}, epoch {best.epoch}, step {best.step}):",
    ]


_CANDIDATE_HEADER = ("", "checkpoint", "trial", "epoch", "identity", "style", "prior", "utility", "")


def _candidate_row(candidate: Candidate) -> tuple[str, ...]:
    scores = (candidate.identity, candidate.style, candidate.prior, candidate.utility)
    return (
        "*" if candidate.on_front else " ",
        candidate.checkpoint,
        candidate.trial,
        str(candidate.epoch),
        *map(plain_number, scores),
        f"misses {', '.join(candidate.unmet)}" if candidate.unmet else "",
    )


def trials_text(record: RunRecord, width: int | None = None) -> list[str]:
    """One line a trial: settings that differ, state, verdict, best checkpoint; what all have in common comes first.

    Then why, what ran out of memory and what was saved. Where a terminal of `width` characters has no room for both,
    state and verdict share a column.
    """
    lines = _trials_table(record, apart=True)
    if width is not None and max(map(len, lines)) > width:
        lines = _trials_table(record, apart=False)
    common = common_settings(record)
    saving = saving_sentence(record)
    notes = [f"note: {sentence}" for sentence in savings_sentences(record)]
    why = ["", "Why:", *(f"- {sentence}" for sentence in reasons(record))]
    return [
        *([f"All with {common}.", ""] if common else []),
        *lines,
        *(why if len(why) > 2 else []),
        *notes,
        *(["", saving] if saving else []),
    ]


def _trials_table(record: RunRecord, *, apart: bool) -> list[str]:
    swept, utility = swept_settings(record), utility_of(record)
    standing = ("state", "verdict") if apart else ("verdict",)
    header = ("trial", *map(setting_name, swept), *standing, "best epoch", "utility", "")
    return table(header, (_trial_row(record, trial, swept, utility, apart=apart) for trial in record.plan.trials))


def _trial_row(
    record: RunRecord, trial: Trial, names: Sequence[str], utility: Utility, *, apart: bool
) -> tuple[str, ...]:
    found = best_checkpoint(record, trial.id, utility)
    best = (str(found.epoch), f"{found.utility:.2f}") if found is not None else ("–", "–")
    found_verdict = record.verdicts.get(trial.id)
    state, verdict = record.states[trial.id], found_verdict.state if found_verdict is not None else None
    settings = (setting(trial.settings[name]) if name in trial.settings else "–" for name in names)
    standing = (str(state), str(verdict or "–")) if apart else (str(in_a_word(state, verdict)),)
    chosen = "chosen" if record.kept is not None and record.kept.trial == trial.id else ""
    return (trial.id, *settings, *standing, *best, chosen)


def runs_text(records: Iterable[RunRecord]) -> list[str]:
    """One line a run, or a sentence where there is none."""
    rows = runs_json(records)
    if not rows:
        return ["No runs yet: `dbsweep run experiments/quickstart.yaml` makes one."]
    header = ("run", "state", "started", "trials", "done", "failed", "best", "utility")
    return table(header, (_run_row(row) for row in rows))


def _run_row(row: dict[str, object]) -> tuple[str, ...]:
    started = time.strftime("%Y-%m-%d %H:%M", time.localtime(float(str(row["started"]))))
    score = "–" if row["utility"] is None else f"{row['utility']:.2f}"
    counts = (str(row[key]) for key in ("trials", "completed", "failed"))
    return (str(row["run"]), str(row["state"]), started, *counts, str(row["best"] or "–"), score)
