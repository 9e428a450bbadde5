"""What the scorecards along one path say about its training, in a state and a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dbsweep.config.figures import decimals, figure
from dbsweep.records.names import Metric, VerdictState
from dbsweep.records.results import Scorecard, Verdict
from dbsweep.selection.evidence import levels, listed, loss_sentence
from dbsweep.selection.overtraining import find_overtraining
from dbsweep.selection.utility import JUDGED
from dbsweep.selection.verdict_settings import VerdictSettings


def judge(
    cards: Sequence[tuple[int, Scorecard]],
    base: Scorecard,
    *,
    finished: bool,
    steps_per_epoch: int,
    settings: VerdictSettings | None = None,
) -> Verdict:
    """Judge a training by its checkpoints so far.

    A verdict depends on the cards alone, so judging again gives the same one. What it can see, of 300 simulated
    trainings whose style falls for good (`benchmarks/results/verdict.json`; 10 planned looks, samples that scatter by
    0.15 from one checkpoint to the next, seen at the first or second checkpoint after the fall):

        fall of style below what is enough  0.4   0.3   0.2   0.15
        2 sanity prompts x 4 seeds          93%   65%   14%     5%
        2 x 8                              100%  100%   73%    27%
        4 x 10                             100%   99%   95%    63%

    With a scatter of 0.1 two prompts and four seeds see 95% of falls by 0.3 and 59% by 0.2. Where nothing changes it
    cries overtrained in at most 0.7% of trainings of 3 to 30 looks (wanted: 5%), in at most 3.3% if style and prior are
    just enough and scatter by 0.5, in at most 3.7% if every fall mattered. 95% intervals of paired differences cover
    93.5 to 96.2% (wanted: 93 to 97%).

    Args:
        cards: (optimizer step, scorecard) of the path's evaluated checkpoints, by rising step.
        base: the untrained model's scorecard: style and prior 1, identity 0.
        finished: no more checkpoints will come.
        steps_per_epoch: of this training; sentences speak of epochs.
        settings: levels and error rate; `VerdictSettings()` when None.

    Returns:
        COLLAPSED, OVERTRAINED, READY, LEARNING or (only when finished) UNDERTRAINED, checked in this order.
        A collapse that a later checkpoint takes back does not count, and its card is left out: a few images can be bad
        by chance, or blank by an overflow in the autoencoder.
        A metric that the base model's card has as NaN cannot be measured here and is ignored. One that has less than
        two paired samples is not watched for falls: one sample says nothing about chance.
    """
    settings = settings or VerdictSettings()
    collapses = [_collapse(card, base, settings) for _, card in cards]
    if collapses and collapses[-1]:
        since = max((place for place, collapse in enumerate(collapses, start=1) if not collapse), default=0)
        step = cards[since][0]
        evidence = f"at epoch {step // steps_per_epoch} {collapses[since]}"
        return Verdict(state=VerdictState.COLLAPSED, onset_step=step, evidence=evidence)
    cards = [scored for scored, collapse in zip(cards, collapses, strict=True) if not collapse]
    loss = find_overtraining([base, *(card for _, card in cards)], settings) if cards else None
    if loss is not None:
        path = [(0, base), *cards]
        (first, before), (last, after) = path[loss.before], path[loss.after]
        epochs = (first // steps_per_epoch, last // steps_per_epoch)
        return Verdict(
            state=VerdictState.OVERTRAINED, onset_step=last, evidence=loss_sentence(loss, before, after, epochs)
        )
    return _progress(cards, finished, steps_per_epoch, settings)


def _collapse(card: Scorecard, base: Scorecard, settings: VerdictSettings) -> str:
    measurable = [metric for metric in JUDGED if math.isfinite(base.value(metric))]
    missing = [metric for metric in measurable if not math.isfinite(card.value(metric))]
    if missing and missing != _faceless(card):
        return f"{listed(missing)} could not be measured: the images are blank or not a number"
    quality = card.scores.get(Metric.QUALITY)
    if quality is not None and quality.value <= settings.collapsed_quality:
        return (
            f"the images are noise, blurred or burnt: quality {quality.value:.2f}, where 1 is within the saturation "
            "and sharpness of the base model's images and the photos"
        )
    if len(measurable) >= 2 and all(card.value(metric) <= settings.collapsed_level for metric in measurable):
        return f"nothing is left of subject or base model: {levels(card, measurable)}"
    return ""


def _faceless(card: Scorecard) -> list[Metric]:
    """What may be missing because no face was found, in pictures that are sound."""
    return [Metric.IDENTITY] if Metric.FACES in card.scores else []


def _progress(
    cards: Sequence[tuple[int, Scorecard]], finished: bool, steps_per_epoch: int, settings: VerdictSettings
) -> Verdict:
    unready = VerdictState.UNDERTRAINED if finished else VerdictState.LEARNING
    if not cards:
        return Verdict(state=unready, onset_step=None, evidence="no checkpoint has been scored yet")
    step, card = cards[-1]
    identity = card.value(Metric.IDENTITY)
    if not math.isfinite(identity):
        reason = "the encoder does not tell the photos from the base model's class images"
        if _faceless(card):
            reason = f"{card.value(Metric.FACES):.0%} of the pictures at epoch {step // steps_per_epoch} show a face"
        evidence = f"identity cannot be measured: {reason}"
        return Verdict(state=unready, onset_step=None, evidence=evidence)
    places = decimals(identity, settings.ready_identity)
    measured = levels(card, [metric for metric in JUDGED if math.isfinite(card.value(metric))], places)
    wanted = figure(settings.ready_identity, places)
    asked = f"{measured} at epoch {step // steps_per_epoch}; identity {wanted} counts as ready"
    if identity >= settings.ready_identity:
        return Verdict(state=VerdictState.READY, onset_step=None, evidence=asked)
    advice = ": train longer or with a higher learning rate" if finished else ""
    return Verdict(state=unready, onset_step=None, evidence=f"{asked}{advice}")
