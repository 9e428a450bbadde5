"""The metrics of the DreamBooth paper in their own units, and two that tell what a scorecard's averages hide.

Embeddings are (n, d) and L2-normalised, of any encoder. With DINO's `subject_fidelity` and `pres` are the paper's
numbers; scorecards have them by CLIP: the paper's CLIP-I, and our version of PRES. DIV is ours by either, since the
paper takes LPIPS. Unlike the scorecard's other metrics these are plain cosines, comparable only with the same encoder,
and not all are larger-is-better: each says its direction.
"""

from __future__ import annotations

from math import comb

import numpy as np

from dbsweep.scoring.metrics import Floats, cosine_to_others, row_mean


def subject_fidelity(images: Floats, photos: Floats) -> Floats:
    """DINO or CLIP-I: mean cosine of each image to the photos, -1 to 1, larger is more alike.

    Ruiz et al. 2022 (DreamBooth), section 4.1, where real photos score 0.774 (DINO) and 0.885 (CLIP-I) among
    themselves; with `photos` as `images` the diagonal of ones would have to be left out (`cosine_to_others`).

    Args:
        images: (n, d) of prompts with the subject; photos: (n_photos, d).
    """
    return row_mean(np.asarray(images @ photos.T, dtype=np.float64))


def pres(class_images: Floats, photos: Floats) -> Floats:
    """PRES: mean cosine of each image of the class prompt to the subject's photos, -1 to 1, smaller is better.

    A class that has become the subject scores like the subject. Ruiz et al. 2022 (DreamBooth), section 4.3, with DINO.

    Args:
        class_images: (n, d), drawn without the token; photos: (n_photos, d).
    """
    return subject_fidelity(class_images, photos)


def div(images: Floats) -> Floats:
    """DIV: mean distance (1 - cosine) of each image to the others of its prompt, 0 to 2, larger is more diverse.

    Ruiz et al. 2022 (DreamBooth), section 4.3, who take LPIPS as the distance, between images "of same subject with
    same prompt": it falls where the poses of the photos are repeated. `metrics.diversity` is of the class. NaN for a
    single image.

    Args:
        images: (n, d) of one prompt with the subject.
    """
    return 1.0 - cosine_to_others(images)


def identity_leak(styled: Floats, photos: Floats, base_styled: Floats) -> Floats:
    """How far images of a sanity prompt have moved from the base model's towards plain photos of the subject.

    (mean_j styled_i·photo_j - mean base_styled·photo) / (mean_j≠k photo_j·photo_k - mean base_styled·photo): 0 as the
    base model's, 1 as the photos to each other: the style is gone and the subject is all there is. Unbounded, smaller
    is better, though some is right: the subject should be in the picture. It says where style went that
    `metrics.style_retention` misses. Ours, on the scale of `metrics.identity_gap`. NaN where the base model's images
    are as close to the photos as these are to each other, or there is a single photo.

    Args:
        styled: (n, d) of the sanity prompt; photos: (n_photos, d); base_styled: (n_base, d) of its base prompt.
    """
    start = float(subject_fidelity(base_styled, photos).mean())
    length = float(cosine_to_others(photos).mean()) - start
    return (subject_fidelity(styled, photos) - start) / (length if length > 1e-6 else np.nan)


def memorisation(images: Floats, training: Floats, held_out: Floats) -> Floats:
    """How much closer each image is to its nearest training photo than to its nearest held-out one, in cosine.

    The nearest of n is closer than the nearest of k < n by chance alone, so the training side is the expected maximum
    over k training photos drawn at random, k = len(held_out): Σ_i x_(i) · C(i-1, k-1) / C(n, k) over the cosines in
    rising order. About 0 for a model that has learned the subject, positive for one that repeats photos; -2 to 2,
    smaller is better. After Meehan et al. 2020, "A Non-Parametric Test to Detect Data-Copying in Generative Models".

    Args:
        images: (n_images, d); training: (n, d) photos that were trained on; held_out: (k, d) that were not.

    Raises:
        ValueError: there are no held-out photos, or more than training photos.
    """
    n, k = len(training), len(held_out)
    if not 1 <= k <= n:
        raise ValueError(f"held-out photos must be 1 to {n}, as many as training photos at most, got {k}")
    shares = np.array([comb(i, k - 1) for i in range(n)], dtype=np.float64) / comb(n, k)
    nearest = np.sort(np.asarray(images @ training.T, dtype=np.float64), axis=1) @ shares
    beyond: Floats = nearest - np.asarray(images @ held_out.T, dtype=np.float64).max(axis=1)
    return beyond
