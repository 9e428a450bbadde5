"""Film strips: what each prompt looks like from the base model through a trial's checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dbsweep.config.messages import setting
from dbsweep.records.names import BASE, Metric
from dbsweep.records.results import Checkpoint, SampleImage, Scorecard, Verdict
from dbsweep.records.run import RunRecord
from dbsweep.reports.families import heads
from dbsweep.reports.pictures import KIND_NAMES, Picture, PromptKey, images_by_prompt, picture_of
from dbsweep.reports.reasons import reason
from dbsweep.reports.words import listing, number, setting_name, standing
from dbsweep.selection.utility import Utility, utility_of


@dataclass(frozen=True, slots=True)
class Column:
    """One checkpoint of a strip; the first is the untrained base model at epoch 0.

    Attributes:
        chosen: this is the checkpoint of the choice.
        onset: overtraining starts here; lost: at or after the onset.
        ends: ids of shorter trials of the family that end here.
        scores: identity, style, prior and utility as text; empty when it was not scored.
    """

    checkpoint: str
    epoch: int
    step: int
    chosen: bool
    onset: bool
    lost: bool
    ends: tuple[str, ...]
    scores: tuple[str, ...]

    @property
    def title(self) -> str:
        """The head of the column."""
        return "base" if self.checkpoint == BASE else f"epoch {self.epoch}"


@dataclass(frozen=True, slots=True)
class StripRow:
    """One prompt along a strip; `pictures` has one entry a column, None where nothing was drawn."""

    kind: str
    prompt: str
    pictures: tuple[Picture | None, ...]


@dataclass(frozen=True, slots=True)
class FilmStrip:
    """The pictures of one family of trials.

    Attributes:
        trial: the longest trial of the family; trials: all of them, itself included.
        settings: what was swept, in words.
        badge: kind and text of the trial's state or verdict.
        evidence: the verdict's sentence; empty without a verdict.
        note: which trials share this strip, or which earlier epochs it shares with others; may be empty.
        holds_choice: one of the family's trials is the chosen one.
    """

    trial: str
    trials: tuple[str, ...]
    settings: str
    badge: tuple[str, str]
    evidence: str
    note: str
    holds_choice: bool
    columns: tuple[Column, ...]
    rows: tuple[StripRow, ...]


SCORE_ROWS = ("Identity", "Style", "Prior", "Utility")
"""The names of `Column.scores`."""


def film_strips(record: RunRecord, run_folder: Path) -> tuple[FilmStrip, ...]:
    """The strips of all families that have pictures, in the order of the plan."""
    families: dict[str, list[str]] = {}
    for trial, head in heads(record.plan).items():
        families.setdefault(head, []).append(trial)
    order = [trial.id for trial in record.plan.trials if trial.id in families]
    strips = (_strip(record, run_folder, head, tuple(families[head])) for head in order)
    return tuple(strip for strip in strips if strip.rows)


def swept_settings(record: RunRecord) -> tuple[str, ...]:
    """The names of the settings that differ between trials, in the order of the plan."""
    seen: dict[str, set[object]] = {}
    for trial in record.plan.trials:
        for name, value in trial.settings.items():
            seen.setdefault(name, set()).add(value)
    return tuple(name for name, values in seen.items() if len(values) > 1)


def settings_text(record: RunRecord, trial_id: str) -> str:
    """The swept settings of a trial: `learning rate 0.0002 · epochs 60`."""
    settings = record.settings_of(trial_id)
    names = swept_settings(record) or tuple(settings)
    return " · ".join(f"{setting_name(name)} {setting(settings[name])}" for name in names if name in settings)


def score_texts(card: Scorecard | None, utility: Utility) -> tuple[str, ...]:
    """Identity, style, prior and utility as text, see `SCORE_ROWS`; empty without a scorecard."""
    if card is None:
        return ()
    values = {metric: score.value for metric, score in card.scores.items()}
    parts = [number(values.get(m, float("nan"))) for m in (Metric.IDENTITY, Metric.STYLE, Metric.PRIOR)]
    complete = all(m in values for m in (Metric.IDENTITY, Metric.STYLE, Metric.PRIOR))
    return (*parts, number(utility.value(values) if complete else float("nan")))


def _strip(record: RunRecord, run_folder: Path, head: str, members: tuple[str, ...]) -> FilmStrip:
    verdict = record.verdicts.get(head)
    checkpoints = tuple(c for c in record.checkpoints_of(head) if c.id in record.scorecards)
    columns = _columns(record, members, checkpoints, _onset(verdict))
    return FilmStrip(
        trial=head,
        trials=(head, *(trial for trial in members if trial != head)),
        settings=settings_text(record, head),
        badge=standing(record.states[head], verdict.state if verdict is not None else None),
        evidence=reason(record, head),
        note=_note(record, head, members),
        holds_choice=record.kept is not None and record.kept.trial in members,
        columns=columns,
        rows=_rows(record, run_folder, head, columns) if checkpoints else (),
    )


def _onset(verdict: Verdict | None) -> int | None:
    return verdict.onset_step if verdict is not None else None


def _columns(
    record: RunRecord, members: tuple[str, ...], checkpoints: tuple[Checkpoint, ...], onset: int | None
) -> tuple[Column, ...]:
    ends: dict[int, list[str]] = {}
    for trial in members:
        ends.setdefault(record.path_of(trial).end_step, []).append(trial)
    first_lost = next((c.step for c in checkpoints if onset is not None and c.step >= onset), None)
    chosen = record.kept.checkpoint if record.kept is not None else None
    utility = utility_of(record)
    base = Column(BASE, 0, 0, False, False, False, (), score_texts(record.scorecards.get(BASE), utility))
    return base, *(
        Column(
            checkpoint=c.id,
            epoch=c.epoch,
            step=c.step,
            chosen=c.id == chosen,
            onset=c.step == first_lost,
            lost=first_lost is not None and c.step >= first_lost,
            ends=tuple(ends.get(c.step, ())) if len(members) > 1 else (),
            scores=score_texts(record.card_of(c.id) if c.id in record.scorecards else None, utility),
        )
        for c in checkpoints
    )


def _rows(record: RunRecord, run_folder: Path, head: str, columns: tuple[Column, ...]) -> tuple[StripRow, ...]:
    drawn = [images_by_prompt(record.scorecards.get(column.checkpoint)) for column in columns]
    keys = sorted({key for images in drawn for key in images})
    rows = []
    for key in keys:
        pictures: list[Picture | None] = []
        for column, images in zip(columns, drawn, strict=True):
            where = "base model" if column.checkpoint == BASE else f"{head}, {column.title} ({column.checkpoint})"
            pictures.append(picture_of(images[key], where, run_folder) if key in images else None)
        rows.append(StripRow(_kind_name(key, keys), _prompt(key, drawn), tuple(pictures)))
    return tuple(rows)


def _kind_name(key: PromptKey, keys: list[PromptKey]) -> str:
    concepts = {k.concept for k in keys}
    name = KIND_NAMES[key.kind]
    return f"{name} (concept {key.concept + 1})" if len(concepts) > 1 else name


def _prompt(key: PromptKey, drawn: list[Mapping[PromptKey, tuple[SampleImage, ...]]]) -> str:
    """The prompt as the trained checkpoints draw it: the base column has the class noun for the token."""
    for images in reversed(drawn):
        if key in images:
            return images[key][0].prompt
    raise KeyError(key)


def _note(record: RunRecord, head: str, members: tuple[str, ...]) -> str:
    """Who shares these pictures: shorter trials wholly, others up to where they fork."""
    shorter = [trial for trial in members if trial != head]
    sentences = []
    if shorter:
        verb = "is" if len(shorter) == 1 else "are"
        sentences.append(f"{listing(shorter)} {verb} the same training as {head}, ended earlier.")
    segments = record.path_of(head).segments
    if len(segments) > 1:
        own = next(branch for branch in record.plan.branches if branch.id == segments[-1][0])
        epochs = own.fork_step // own.steps_per_epoch
        sentences.append(
            f"Its first {'epoch is' if epochs == 1 else f'{epochs} epochs are'} shared with other trials, trained once."
        )
    return " ".join(sentences)
