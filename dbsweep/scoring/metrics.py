"""The metrics of a scorecard, as pure functions on arrays of embeddings.

Embeddings are (n, d) and L2-normalised, so a dot product is a cosine. Rows of one prompt are its seeds, in the same
order at every checkpoint and for the base model: row i of two arrays is a pair. A row of NaN (a checkpoint's image
that shows nothing) makes its own sample NaN and is left out of the means of the others; photos and the base model's
rows are finite. Every metric is one sample per row, larger is better. A scale whose two ends cannot be told apart
gives NaN for all rows.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.floating]

MIN_STYLE_AGREEMENT = 0.2
"""Cosine between one seed's style shift and the other seeds' below which the base model does not know the style;
unrelated directions of CLIP embeddings have cosines around 0 ± 0.1."""

STEEPEST = 0.2
"""Mean of a prompt below which it weighs in a harmonic mean as it does there: few images tell it no more exactly."""


def row_mean(values: Floats) -> Floats:
    """(n,) mean of each row without its NaN; NaN where nothing else is in the row."""
    present = np.isfinite(values)
    totals = np.where(present, values, 0.0).sum(axis=1)
    counts = present.sum(axis=1)
    return np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)


def cosine_to_others(rows: Floats) -> Floats:
    """(n,) mean cosine of each row to the other rows: its leave-one-out score; NaN for a single row."""
    cosines = np.asarray(rows @ rows.T, dtype=np.float64)
    np.fill_diagonal(cosines, np.nan)
    return row_mean(cosines)


def identity_gap(photos: Floats, base: Floats) -> tuple[float, float]:
    """Where the identity scale starts and how long it is, in mean cosine to the photos.

    start = mean_ij base_i·photo_j, the base model's class images; end = mean_i≠j photo_i·photo_j, leave-one-out, or 1
    for a single photo. The length is NaN when it is less than its own standard error: the encoder then does not tell
    the subject from its class.

    Args:
        photos: (n_photos, d); base: (n_seeds, d).

    Returns:
        (start, length), cosines; the length is positive or NaN.
    """
    starts = row_mean(np.asarray(base @ photos.T, dtype=np.float64))
    ends = cosine_to_others(photos) if len(photos) > 1 else np.ones(1)
    length = float(ends.mean() - starts.mean())
    error = float(np.sqrt(starts.var() / len(starts) + ends.var() / len(ends)))
    return float(starts.mean()), length if length > max(error, 1e-6) else float("nan")


def identity(images: Floats, photos: Floats, base: Floats, base_plain: Floats) -> Floats:
    """Likeness to the photos, seen from the middle of the class: (mean_j cos(image, photo_j) - start) / length.

    0 = the base model's images of the class, 1 = the photos to each other; unbounded, above 1 for images nearer to all
    photos than these are to each other. CLIP-I of Ruiz et al. 2022 (DreamBooth, section 4.1) with the mean of the class
    taken off every embedding: what all of a class have in common is most of a cosine and tells nobody apart (Jégou &
    Chum 2012, "Negative evidences and co-occurences in image retrieval", section 2, centre descriptors so). In
    surroundings and in a style the class is what the base model draws there, and nothing counts along the way from the
    plain class to there: an image that has lost the style is no more alike for it.

    Args:
        images: (n, d) of a prompt with the subject; photos: (n_photos, d); base: (n_seeds, d) of its base prompt;
            base_plain: (n_seeds, d) of the base prompt that the photos go with, without surroundings and style.
    """
    centre, plain_centre = (np.asarray(rows, dtype=np.float64).mean(axis=0) for rows in (base, base_plain))
    way = _unit((centre - plain_centre)[None, :])

    def off_the_way(rows: Floats) -> Floats:  # the same from either centre
        shifts = rows - centre
        return _unit(shifts - (shifts @ way.T) @ way)

    _, length = identity_gap(_unit(photos - plain_centre), _unit(base_plain - plain_centre))
    subject = off_the_way(photos)
    start = float((off_the_way(base) @ subject.T).mean())
    return (row_mean(np.asarray(off_the_way(images) @ subject.T, dtype=np.float64)) - start) / length


def style_retention(styled: Floats, plain: Floats, base_styled: Floats, base_plain: Floats) -> Floats:
    """How far the sanity prompt still moves images along the base model's style direction.

    With the shifts d_i = styled_i - plain_i and b_i = base_styled_i - base_plain_i of seed i, and the unit direction
    u_i of the mean of b over the *other* seeds: d_i·u_i / mean_k b_k·u_k. 1 = as the base model, 0 = the style is gone;
    unbounded. Leaving seed i out keeps the noise of its own base images from being taken for style. The direction is
    that of Gal et al. 2021 (StyleGAN-NADA, equation 2), between images instead of texts. NaN where the base model does
    not know the style (`MIN_STYLE_AGREEMENT`), or has a single seed.

    Args:
        styled, plain, base_styled, base_plain: (n_seeds, d), paired rows.
    """
    shifts, base_shifts = styled - plain, base_styled - base_plain
    directions = _unit(base_shifts.sum(axis=0) - base_shifts)
    base_length = (base_shifts * directions).sum(axis=1).mean()
    if not base_length >= MIN_STYLE_AGREEMENT * np.linalg.norm(base_shifts, axis=1).mean() > 0.0:
        return np.full(len(styled), np.nan)
    return np.asarray((shifts * directions).sum(axis=1) / base_length, dtype=np.float64)


def in_every_prompt(samples: Floats) -> Floats:
    """Samples of several prompts of one kind, made ones whose mean is the *harmonic* mean of the prompts' means.

    It is low as soon as one of them is: a style that is gone is not made up for by another that stayed. With the mean
    m_p of each of P prompts, h = P / Σ 1/m_p and h_p = ∂h/∂m_p = h² / (P·m_p²), sample i of prompt p becomes
    h + P·h_p·(s_pi - m_p). Their mean is h, and to first order their scatter is that of h, so that intervals and paired
    comparisons see it as any other mean (the delta method; Casella & Berger 2002, "Statistical Inference", 5.5.4).
    Where a mean is not above 0, h is the least of them and has the scatter of its prompt.

    Args:
        samples: (prompts, seeds), NaN where there is none; a prompt without any is left out.

    Returns:
        (prompts, seeds), NaN in the same places; a single prompt's as they are.
    """
    means = row_mean(samples)
    counted = np.isfinite(means)
    prompts = int(counted.sum())
    if prompts < 2:
        return samples
    known = means[counted]
    if known.min() > 0.0:
        whole = prompts / np.sum(1.0 / known)
        slopes = whole**2 / (prompts * np.maximum(means, STEEPEST) ** 2)
    else:
        whole, slopes = known.min(), (means == known.min()).astype(np.float64)
    return np.asarray(whole + prompts * slopes[:, None] * (samples - means[:, None]), dtype=np.float64)


def prior_preservation(images: Floats, base: Floats, photos: Floats) -> Floats:
    """Whether the class prompt still draws the class, and not the subject or a ruin.

    Two harms, each in units of `identity_gap`'s length and paired with the base model's image of the same seed: the
    drift towards the photos, and the loss of likeness to the base model's class images (of other seeds, so that a
    different but proper member of the class is no loss). The sample is 1 - the harm whose mean is larger. 1 = as the
    base model, 0 = the class became the subject, or as far from the class as that; unbounded. The drift is PRES of
    Ruiz et al. 2022 (DreamBooth, section 4.3), in CLIP and relative to the base model.

    Args:
        images, base: (n_seeds, d) of the class prompt, paired rows; photos: (n_photos, d).
    """
    _, length = identity_gap(photos, base)
    drift = row_mean(np.asarray((images - base) @ photos.T, dtype=np.float64)) / length
    cosines = np.asarray((base - images) @ base.T, dtype=np.float64)
    np.fill_diagonal(cosines, np.nan)
    loss = row_mean(cosines) / length
    worse = drift if not _mean(loss) > _mean(drift) else loss
    return 1.0 - worse


def diversity(images: Floats, base: Floats) -> Floats:
    """How much the class images of different seeds still differ: (1 - mean_j≠i image_i·image_j) / the base's mean.

    1 = as the base model, 0 = always the same image; not bounded above. DIV of Ruiz et al. 2022 (section 4.3) with
    cosine distance in place of LPIPS, and of the class in place of the subject. NaN where the base model draws the same
    image for every seed.

    Args:
        images, base: (n_seeds, d) of the class prompt.
    """
    base_distance = _mean(1.0 - cosine_to_others(base))
    return (1.0 - cosine_to_others(images)) / (base_distance if base_distance > 1e-6 else np.nan)


def faces(likeness: Floats, images: Floats) -> Floats:
    """Whether a face was found in each image: 1 or 0, larger is better; NaN where the image shows nothing at all.

    Ours. The mean, from 0 to 1, is 1 minus the no-face rate, which belongs beside an identity that only counts the
    images with a face.

    Args:
        likeness: (n, d) of the face encoder, rows of NaN without a face; images: (n, e) of the other encoder.
    """
    found = np.isfinite(likeness).all(axis=1)
    return np.where(np.isfinite(images).all(axis=1), found.astype(np.float64), np.nan)


def prompt_fidelity(images: Floats, text: Floats) -> Floats:
    """CLIP-T: the cosine of each image to the prompt with the class noun for the subject, as it is (-1 to 1).

    Comparable only with the same encoder; the base model's scorecard says what an untrained model reaches. Ruiz et al.
    2022 (DreamBooth, section 4.1) use the prompt with the token; the noun is what the text encoder knows.

    Args:
        images: (n, d); text: (d,).
    """
    return np.asarray(images @ text, dtype=np.float64)


def _unit(rows: Floats) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0.0, lengths, 1.0)


def _mean(samples: Floats) -> float:
    return float(row_mean(samples[None, :])[0])
