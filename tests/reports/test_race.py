"""The race of the best checkpoints in a sentence."""

from __future__ import annotations

from dbsweep.records.run import RunRecord
from dbsweep.reports.race import race_sentence


def test_how_many_were_looked_at_how_closely_is_told_from_the_first_round_on(record: RunRecord) -> None:
    """18 checkpoints beside the base model, which races with none."""
    raced = [name for name in record.scorecards if name in record.checkpoints]
    rounds = {8: raced[:2], 4: raced[:5]}
    further = {images: {name: record.scorecards[name] for name in names} for images, names in rounds.items()}
    told = "Of 18 checkpoints, those that could still win drew more images:"
    assert (
        race_sentence(record.model_copy(update={"further": further})) == f"{told} 5 up to 4 per prompt and 2 up to 8."
    )
    assert race_sentence(record.model_copy(update={"further": {8: further[8]}})) == f"{told} 2 up to 8 per prompt."
    assert race_sentence(record) == ""
