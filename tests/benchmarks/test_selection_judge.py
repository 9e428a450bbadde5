"""The judge's scale, computed by hand, and that it tells true pictures of a subject from others."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import selection_judge
from benchmarks.selection_judge import (
    CLASS_SEEDS,
    IDENTITY_SEEDS,
    STYLE_SEEDS,
    OraclePictures,
    ceilings,
    class_prompts,
    instance_prompts,
    look,
    may_be_best,
    style_prompts,
    worth,
)
from dbsweep.minisd.attributes import STYLES as STYLE_NAMES
from dbsweep.minisd.attributes import SUBJECT_VALUES, Style
from dbsweep.minisd.render import render
from dbsweep.minisd.scene import draw_scene
from dbsweep.minisd.subject import draw_subject
from tests.benchmarks.selection_sweeps import GENTLE, sweep, trial, view

CURVES = sweep(trial(GENTLE))
STYLES: tuple[Style, ...] = ("comic", "pop art")


def test_prompts_name_the_subject_and_the_base_model_is_asked_without_it() -> None:
    assert instance_prompts("man", "ohwx")[0] == "portrait photo of ohwx man"
    assert style_prompts("man", "ohwx", ("watercolor",)) == (
        "watercolor of ohwx man",
        "portrait photo of ohwx man, watercolor style",
    )
    assert style_prompts("man", "", ("comic", "pop art"))[2] == "pop art of man"
    assert not any("ohwx" in prompt for prompt in class_prompts("man"))


def test_worth_by_hand() -> None:
    """identity (0.7 - 0.4) / (0.9 - 0.4) = 0.6; style 0.8 * (0.6 - 0.4) / (0.8 - 0.4) = 0.4; prior 1."""
    found = worth(view(identity=0.7, style=0.8, there=0.6), CURVES)
    assert (found.identity, found.style, found.prior) == pytest.approx((0.6, 0.4, 1.0))
    assert found.utility == pytest.approx(3 / (1 / 0.6 + 1 / 0.4 + 1))


def test_prior_is_lost_by_drift_by_sameness_and_by_other_things_than_the_class() -> None:
    drifted = view().model_copy(update={"class_identity": (0.65,) * 4})  # (0.65 - 0.4) / 0.5 = half way
    same = view().model_copy(update={"variety": (0.15,) * 4})  # a quarter of the base model's 0.6
    assert worth(drifted, CURVES).prior == pytest.approx(0.5)
    assert worth(same, CURVES).prior == pytest.approx(0.25)
    assert worth(view(klass=0.3), CURVES).prior == pytest.approx(0.3)


def test_halves_see_every_other_image() -> None:
    uneven = view().model_copy(update={"identity": (0.9, 0.4, 0.9, 0.4), "variety": (0.0, 0.6, 0.0, 0.6)})
    assert [worth(uneven, CURVES, half).identity for half in (0, 1)] == pytest.approx([1.0, 0.0])
    assert [worth(uneven, CURVES, half).prior for half in (0, 1)] == pytest.approx([0.0, 1.0])


def test_the_worst_part_rules_and_nothing_is_worth_more_than_1() -> None:
    assert worth(view(identity=0.4, there=0.8), CURVES).utility == 0.0
    assert worth(view(identity=0.99, there=0.99), CURVES).utility == pytest.approx(1.0)


def test_what_is_near_the_best_is_judged_closer() -> None:
    """Of utilities 1 where the subject is there in every style, 0.92, 0.86 and 0: all within 0.12 of the best."""
    levels = (0.8, 0.7295, 0.66, 0.4)
    curves = sweep(trial(GENTLE))
    views = {n: view(identity=0.9, there=there) for n, there in zip(curves.names, levels, strict=True)}
    judged = curves.judged_closer(views)
    points = judged.trials[0].checkpoints
    assert [round(worth(point.oracle, judged).utility, 2) for point in points] == [1.0, 0.93, 0.85, 0.0]
    assert may_be_best(judged) == curves.names[:2]


def test_further_rounds_are_seen_prompt_by_prompt() -> None:
    """Two prompts for photos and for anyone, four for styles; every image is numbered by round, prompt and place."""

    def numbered(round_: int) -> OraclePictures:
        def group(prompts: int, each: int) -> np.ndarray:
            numbers = [
                [100 * round_ + 10 * prompt + place % 10] * 3 for prompt in range(prompts) for place in range(each)
            ]
            return np.array(numbers, dtype=np.uint8)[:, None, None, :]

        return OraclePictures(group(2, IDENTITY_SEEDS), group(4, STYLE_SEEDS), group(2, CLASS_SEEDS))

    joined = numbered(0).joined(numbered(1))
    assert joined.styled.shape == (8 * STYLE_SEEDS, 1, 1, 3)
    prompts = [int(number) // 10 for number in joined.styled[:, 0, 0, 0]]
    assert prompts == [p + 10 * r for p in range(4) for r in (0, 1) for _ in range(STYLE_SEEDS)]
    assert [len(part) for part in (joined.instance, joined.klass)] == [4 * IDENTITY_SEEDS, 4 * CLASS_SEEDS]


def test_variety_is_of_each_image_and_the_others_of_its_half(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images 0 and 2 have all attributes in common, 1 and 3 none; what is shared across halves does not count."""
    people = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=np.float32)
    seen = dict.fromkeys(SUBJECT_VALUES, people)
    seen |= {"style": np.ones((4, len(STYLE_NAMES)), dtype=np.float32)}
    monkeypatch.setattr(selection_judge, "probabilities", lambda images: seen)
    monkeypatch.setattr(selection_judge, "identity_score", lambda images, subject: np.zeros(len(images)))
    blank = np.zeros((4, 8, 8, 3), dtype=np.uint8)
    assert look(OraclePictures(blank, blank, blank), draw_subject(3), STYLES).variety == (0.0, 1.0, 0.0, 1.0)


def test_true_pictures_are_worth_nearly_1_and_another_man_little() -> None:
    subject, scenes = draw_subject(3), [draw_scene(np.random.default_rng([4, i])) for i in range(2 * CLASS_SEEDS)]

    def pictures(of: list[int]) -> OraclePictures:
        """Of the subject with seed 3, or of others."""
        people = [draw_subject(seed, subject.klass) if seed != 3 else subject for seed in of]
        styled = [render(people[k], scenes[k], style) for style in STYLES for k in range(12)]
        anyone = [render(draw_subject(500 + k, subject.klass), scenes[k], "photo") for k in range(2 * CLASS_SEEDS)]
        photos = [render(people[k], scenes[k], "photo") for k in range(12)]
        return OraclePictures(*(np.stack([np.asarray(image) for image in row]) for row in (photos, styled, anyone)))

    photo, styled = ceilings(subject, pictures([3] * 12).instance, STYLES)
    strangers = look(pictures([700 + k for k in range(12)]), subject, STYLES)
    curves = CURVES.model_copy(
        update={"base_oracle": strangers, "photo_identity": photo, "style_identity": styled, "klass": subject.klass}
    )
    assert worth(look(pictures([3] * 12), subject, STYLES), curves).utility > 0.85
    assert worth(look(pictures([900 + k for k in range(12)]), subject, STYLES), curves).utility < 0.3
