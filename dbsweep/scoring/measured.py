"""What each metric measures: of which prompts, by what of the images, against what of the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dbsweep.records.names import Metric, PromptKind
from dbsweep.scoring import metrics
from dbsweep.scoring.likeness import seen
from dbsweep.scoring.metrics import Floats
from dbsweep.scoring.prompts import PromptKey
from dbsweep.scoring.published import div, identity_leak, memorisation, pres, subject_fidelity
from dbsweep.scoring.quality import image_quality
from dbsweep.scoring.reference import Reference
from dbsweep.selection.unmeasurable import MEASURED_ON


@dataclass(frozen=True, eq=False)
class Drawn:
    """What a model drew, by prompt: rows are seeds, NaN where an image shows nothing or is not drawn."""

    embeddings: Mapping[PromptKey, Floats]
    features: Mapping[PromptKey, Floats]
    likeness: Mapping[PromptKey, Floats]
    """By the encoder of identity, of the instance prompts alone; without numbers where it has none of its own."""


def drawn_by_base(reference: Reference) -> Drawn:
    """What the untrained model drew."""
    likeness = reference.likeness.base if reference.likeness is not None else {}
    return Drawn(embeddings=reference.base, features=reference.base_features, likeness=likeness)


def metrics_of(reference: Reference) -> list[Metric]:
    """The metrics for which the sweep has what they need."""
    return [metric for metric in _SAMPLES if _has(metric, reference)]


def samples_of(
    metric: Metric, drawn: Drawn, reference: Reference
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """A metric of every image of the prompts that it is asked of.

    Returns:
        (prompts, seeds) values in the reference's order, those of style such that the weakest of a concept's prompts
        counts most (`metrics.in_every_prompt`); and of each prompt, whether the base model's own images can be measured
        by it.
    """
    keys = [key for key in reference.prompts if _is_asked(metric, key, reference)]
    values = np.array([_SAMPLES[metric](key, drawn, reference) for key in keys], dtype=np.float64)
    is_measurable = np.array([_is_measurable(metric, key, reference) for key in keys], dtype=np.bool_)
    values = values.reshape(len(keys), len(reference.seeds))
    return (by_concept(keys, values) if metric is Metric.STYLE else values), is_measurable


def by_concept(keys: Sequence[PromptKey], styles: Floats) -> npt.NDArray[np.float64]:
    """(prompts, seeds) styles as `metrics.in_every_prompt` has them, of each concept's prompts by themselves."""
    found = np.array(styles, dtype=np.float64)
    concepts = np.array([concept for _, concept, _ in keys])
    for concept in set(concepts.tolist()):
        found[concepts == concept] = metrics.in_every_prompt(found[concepts == concept])
    return found


def _has(metric: Metric, reference: Reference) -> bool:
    if metric is Metric.MEMORISATION:
        return reference.has_held_out
    if metric is Metric.FACES:
        return reference.likeness is not None and reference.likeness.sees_faces
    return True


def _is_asked(metric: Metric, key: PromptKey, reference: Reference) -> bool:
    """Whether a metric is measured on this prompt's images.

    Memorisation is not of concepts without held-out photos. Encoders of identity alone, such as those of faces, know
    photos and not drawings, so they are asked about instance prompts alone.
    """
    if metric is Metric.MEMORISATION and len(reference.held_out[key[1]]) == 0:
        return False
    if metric is Metric.IDENTITY and reference.likeness is not None:
        return key[0] is PromptKind.INSTANCE
    return key[0] in MEASURED_ON[metric]


def _is_measurable(metric: Metric, key: PromptKey, reference: Reference) -> bool:
    """Whether the base model's own images have numbers; by an encoder of faces some of them may have none."""
    return bool(np.isfinite(_SAMPLES[metric](key, drawn_by_base(reference), reference)).any())


def _identity(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    likeness, plain = reference.likeness, (PromptKind.INSTANCE, key[1], 0)
    if likeness is None:
        return metrics.identity(
            drawn.embeddings[key], reference.photos[key[1]], reference.base[key], reference.base[plain]
        )
    base, base_plain = seen(likeness.base[key]), seen(likeness.base[plain])
    if len(base) == 0 or len(base_plain) == 0:  # no face anywhere: nothing to measure from
        return np.full(len(drawn.likeness[key]), np.nan)
    return metrics.identity(drawn.likeness[key], seen(likeness.photos[key[1]]), base, base_plain)


def _faces(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return metrics.faces(drawn.likeness[key], drawn.embeddings[key])


def _subject_fidelity(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return subject_fidelity(drawn.embeddings[key], reference.photos[key[1]])


def _pres(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return pres(drawn.embeddings[key], reference.photos[key[1]])


def _div(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return div(drawn.embeddings[key])


def _identity_leak(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return identity_leak(drawn.embeddings[key], reference.photos[key[1]], reference.base[key])


def _style(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    plain = (PromptKind.INSTANCE, key[1], 0)
    return metrics.style_retention(
        drawn.embeddings[key], drawn.embeddings[plain], reference.base[key], reference.base[plain]
    )


def _prior(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return metrics.prior_preservation(drawn.embeddings[key], reference.base[key], reference.photos[key[1]])


def _diversity(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return metrics.diversity(drawn.embeddings[key], reference.base[key])


def _prompt_fidelity(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return metrics.prompt_fidelity(drawn.embeddings[key], reference.texts[key])


def _quality(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    return image_quality(drawn.features[key], reference.base_features[key], reference.photo_features[key[1]])


def _memorisation(key: PromptKey, drawn: Drawn, reference: Reference) -> Floats:
    photos, held_out = reference.photos[key[1]], reference.held_out[key[1]]
    return memorisation(drawn.embeddings[key], photos, held_out[: len(photos)])


_SAMPLES: dict[Metric, Callable[[PromptKey, Drawn, Reference], Floats]] = {
    Metric.IDENTITY: _identity,
    Metric.STYLE: _style,
    Metric.PRIOR: _prior,
    Metric.DIVERSITY: _diversity,
    Metric.PROMPT_FIDELITY: _prompt_fidelity,
    Metric.QUALITY: _quality,
    Metric.MEMORISATION: _memorisation,
    Metric.FACES: _faces,
    Metric.SUBJECT_FIDELITY: _subject_fidelity,
    Metric.PRES: _pres,
    Metric.DIV: _div,
    Metric.IDENTITY_LEAK: _identity_leak,
}
