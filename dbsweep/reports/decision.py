"""The choice as the report tells it: pictures side by side, scores in plain words, and how to get the weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dbsweep.concepts.photos import list_photos
from dbsweep.config.messages import counted, setting
from dbsweep.config.schema import Experiment
from dbsweep.errors import InputError
from dbsweep.records.choice import Candidate, Choice, Overrule
from dbsweep.records.names import BASE, Metric
from dbsweep.records.results import SampleImage, Score, Scorecard
from dbsweep.records.run import RunRecord
from dbsweep.reports.gauges import Gauge, gauge, scale_sentence, top
from dbsweep.reports.learned import is_not_there, unlearned_sentence
from dbsweep.reports.pictures import KIND_NAMES, Picture, PromptKey, images_by_prompt, picture_of
from dbsweep.reports.race import order_words, race_sentence
from dbsweep.reports.reasons import verdict_sentence
from dbsweep.reports.recipe import chosen_train, draw_command, export_commands, retraining_yaml
from dbsweep.reports.subjects import ConceptRow, concept_rows, lagging_sentence
from dbsweep.reports.words import METRIC_NAMES, number, setting_name

RUNNERS_UP = 8
"""Candidates in the table of runners-up."""

PHOTOS_SHOWN = 12
"""Photos of each concept beside the choice; the tutorial's usual number."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One prompt, drawn by the base model and by the chosen checkpoint from the same seeds."""

    kind: str
    prompt: str
    base_prompt: str
    base: tuple[Picture, ...]
    chosen: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class ConceptPictures:
    """One concept's photos and comparisons.

    Attributes:
        missing: why there are no photos; empty when there are.
    """

    name: str
    photos: tuple[Picture, ...]
    missing: str
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """One score in plain words, and its bar."""

    name: str
    value: str
    interval: str
    gauge: Gauge
    meaning: str


@dataclass(frozen=True, slots=True)
class RunnerUp:
    """One row of the candidates; `missing` names the constraints that it does not meet."""

    place: str
    scores: tuple[str, ...]
    on_front: bool
    missing: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything about the chosen checkpoint.

    Attributes:
        overruled: who chose it, if the person did: the person's reason, and what dbsweep recommends.
        drawn: the checkpoint that the grids were drawn with, where it is not this one.
        images: over how many images a prompt `scores` are, in words; empty without scores.
        smoothed: what the utility is of, where `scores`, which are as measured, read otherwise; may be empty.
        verdict: on its training; may be empty.
        is_there: whether it has learned the subject, or a person has taken it.
        lagging: which subject is behind the others in it, and what to do; may be empty.
        scale: where the bars of `scores` end, in words; empty where that is 1.
        rows: its scores concept by concept, where there are several.
        formula: what the utility is; changes: what would change dbsweep's choice.
        runners_up: candidates by utility; order: what comes before that, in words; may be empty.
        settings: (name, value) of every setting of its trial, and of those of the training that are not the default.
        exports: (what it gives, command) that take the weights out of the run, or draw with them; recipe: an
            experiment file that trains them again.
    """

    trial: str
    checkpoint: str
    epoch: int
    step: int
    overruled: str
    drawn: str
    reason: str
    verdict: str
    is_there: bool
    lagging: str
    changes: tuple[str, ...]
    runners_up: tuple[RunnerUp, ...]
    order: str
    utility: str
    images: str
    smoothed: str
    formula: str
    settings: tuple[tuple[str, str], ...]
    scores: tuple[ScoreLine, ...]
    scale: str
    rows: tuple[ConceptRow, ...]
    concepts: tuple[ConceptPictures, ...]
    exports: tuple[tuple[str, str], ...]
    recipe: str
    sha256: str


MEANINGS = {
    Metric.IDENTITY: "how alike the pictures are to your photos: 0 is any one of the class, 1 as alike as your photos "
    "are to each other",
    Metric.STYLE: "how much of what the sanity prompts ask for still shows beside your subject, of the weakest above "
    "all: 1 is as in the base model",
    Metric.PRIOR: "how much the class without your subject has stayed itself: 1 is as in the base model",
    Metric.DIVERSITY: "how different pictures of one prompt still are from each other",
    Metric.PROMPT_FIDELITY: "how well the pictures match the words of their prompts",
    Metric.QUALITY: "whether colours and sharpness are within what the base model and your photos show: 1 is, noise "
    "and burnt pictures are near 0",
    Metric.VALIDATION_LOSS: "mean error in predicting the noise on photos that were not trained: smaller is better, "
    "and a rise means that training goes on to learn the trained photos by heart",
    Metric.MEMORISATION: "how much closer pictures come to a trained photo than to one that was held out: about 0 is "
    "none",
    Metric.FACES: "in how many of your subject's pictures a face was found; identity looks at those alone",
}


def decision(record: RunRecord, run_folder: Path, handle: str | None = None) -> Decision | None:
    """The chosen checkpoint of a run; None while there is none."""
    choice, best = record.choice, record.kept
    if choice is None or best is None:
        return None
    card = record.scorecards.get(best.checkpoint)
    scores = _shown_scores(record.card_of(best.checkpoint) if card is not None else None)
    checkpoint = record.checkpoints.get(best.checkpoint)
    settings = record.settings_of(best.trial)
    given = chosen_train(record).model_dump(mode="json", exclude_defaults=True, exclude=set(settings))
    return Decision(
        trial=best.trial,
        checkpoint=best.checkpoint,
        epoch=best.epoch,
        step=best.step,
        overruled=_overruled(choice, record.overrule),
        drawn="" if choice.best.checkpoint == best.checkpoint else f"{choice.best.trial}, epoch {choice.best.epoch}",
        reason=" ".join(filter(None, (choice.reason, unlearned_sentence(record), race_sentence(record)))),
        verdict=verdict_sentence(record),
        is_there=not is_not_there(record),
        lagging=lagging_sentence(record),
        changes=choice.changes,
        runners_up=tuple(_runner_up(row) for row in choice.candidates[:RUNNERS_UP]),
        order=order_words(record),
        formula=choice.formula,
        utility=number(best.utility),
        images=_images(record.card_of(best.checkpoint)) if card is not None else "",
        smoothed=_smoothed(best, record.card_of(best.checkpoint)) if card is not None else "",
        settings=tuple((setting_name(name), setting(value)) for name, value in {**settings, **given}.items()),
        scores=_score_lines(scores),
        scale=scale_sentence(top(scores.values())),
        rows=concept_rows(record),
        concepts=_concepts(record, card, f"{best.trial}, epoch {best.epoch}", run_folder),
        exports=(*export_commands(record, handle or record.name), draw_command(record, handle or record.name)),
        recipe=retraining_yaml(record),
        sha256=checkpoint.sha256 if checkpoint is not None else "",
    )


def _overruled(choice: Choice, overrule: Overrule | None) -> str:
    if overrule is None:
        return ""
    best = choice.best
    return (
        f"Your choice, because: {overrule.because}. dbsweep recommends {best.trial}, epoch {best.epoch} "
        f"({best.checkpoint}), and says of it:"
    )


def _images(card: Scorecard) -> str:
    """``over 8 images a prompt``: more than while it was trained, where there was a race."""
    return f"over {counted(len({image.seed for image in card.images}), 'image')} a prompt"


def _smoothed(best: Candidate, card: Scorecard) -> str:
    """The scores that the choice compared (`dbsweep.selection.smoothing`)."""
    compared = {Metric.IDENTITY: best.identity, Metric.STYLE: best.style, Metric.PRIOR: best.prior}
    if all(number(value) == number(card.value(metric)) for metric, value in compared.items()):
        return ""
    return ", ".join(f"{metric.value} {number(value)}" for metric, value in compared.items())


def _runner_up(row: Candidate) -> RunnerUp:
    scores = (row.utility, row.identity, row.style, row.prior)
    place = f"{row.trial}, epoch {row.epoch} ({row.checkpoint})"
    return RunnerUp(place, tuple(number(value) for value in scores), row.on_front, ", ".join(row.unmet))


def _shown_scores(card: Scorecard | None) -> dict[Metric, Score]:
    return {m: card.scores[m] for m in MEANINGS if m in card.scores} if card is not None else {}


def _score_lines(scores: dict[Metric, Score]) -> tuple[ScoreLine, ...]:
    end = top(scores.values())
    return tuple(
        ScoreLine(
            name=METRIC_NAMES[metric],
            value=number(score.value),
            interval=f"{number(score.low)} to {number(score.high)}",
            gauge=gauge(score, end),
            meaning=MEANINGS[metric],
        )
        for metric, score in scores.items()
    )


def _concepts(record: RunRecord, card: Scorecard | None, where: str, run_folder: Path) -> tuple[ConceptPictures, ...]:
    base, chosen = images_by_prompt(record.scorecards.get(BASE)), images_by_prompt(card)
    experiment = Experiment.model_validate(record.experiment)
    found = []
    for index, concept in enumerate(experiment.concepts):
        name = f"{concept.instance_token} {concept.class_token}"
        photos, missing = _photos(concept.instance_images, name)
        keys = sorted(key for key in {*base, *chosen} if key.concept == index)
        comparisons = tuple(_comparison(key, base.get(key, ()), chosen.get(key, ()), where, run_folder) for key in keys)
        found.append(ConceptPictures(name, photos, missing, comparisons))
    return tuple(found)


def _photos(folder: Path, name: str) -> tuple[tuple[Picture, ...], str]:
    try:
        paths = list_photos(folder)
    except InputError as error:  # the report must outlive the photos
        return (), str(error)
    shown = paths[:PHOTOS_SHOWN]
    return tuple(Picture((p,), f"photo of {name}: {p.name}", f"your photo · {p.name}") for p in shown), ""


def _comparison(
    key: PromptKey, base: tuple[SampleImage, ...], chosen: tuple[SampleImage, ...], where: str, run_folder: Path
) -> Comparison:
    return Comparison(
        kind=KIND_NAMES[key.kind],
        prompt=chosen[0].prompt if chosen else base[0].prompt,
        base_prompt=base[0].prompt if base else "",
        base=tuple(picture_of((image,), "base model", run_folder) for image in base),
        chosen=tuple(picture_of((image,), where, run_folder) for image in chosen),
    )
