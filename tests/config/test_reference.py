"""The page of all settings is that of the schema, and says something of each."""

from __future__ import annotations

from pathlib import Path

from dbsweep.config.reference import reference
from dbsweep.config.train import Train

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def rows() -> list[list[str]]:
    """Key, default and meaning of each setting."""
    lines = [line for line in reference().splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == reference(), "run: python -m dbsweep.config.reference > docs/settings.md"


def test_every_setting_has_a_meaning():
    assert [key for key, _, meaning in rows() if not meaning] == []


def test_all_settings_of_the_training_are_told_with_their_defaults():
    told = {key.strip("`"): default for key, default, _ in rows()}
    assert set(Train.model_fields) <= set(told)
    assert (told["learning_rate"], told["text_encoder_ratio"], told["random_flip"]) == ("`2e-06`", "`0.7`", "`false`")
    assert (told["steps"], told["base_model"]) == ("none", "")


def test_choices_are_named():
    meaning = next(meaning for key, _, meaning in rows() if key == "`optimizer`")
    assert "`paged_adamw_8bit`" in meaning
