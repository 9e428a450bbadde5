"""Which tags a picture gets, in which order and spelling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dbsweep.captioning.tags import Tag, chosen_tags, read_tags, spoken
from dbsweep.errors import ModelError

TAGS = (Tag("general", 9), Tag("1boy", 0), Tag("black_hair", 0), Tag("some_artist", 1), Tag("alexa_(amazon)", 4))


@pytest.mark.parametrize(
    ("probabilities", "thresholds", "expected"),
    [
        ([0.99, 0.9, 0.5, 0.99, 0.8], (0.4, 0.4), ("1boy", "alexa (amazon)", "black hair")),  # the surest first
        ([0.99, 0.9, 0.5, 0.99, 0.8], (0.5, 0.85), ("1boy", "black hair")),
        ([0.99, 0.9, 0.5, 0.99, 0.8], (0.95, 0.5), ("alexa (amazon)",)),
        ([0.99, 0.5, 0.5, 0.99, 0.5], (0.5, 0.5), ("1boy", "black hair", "alexa (amazon)")),  # equals as listed
        ([0.99, 0.1, 0.2, 0.99, 0.3], (0.5, 0.5), ()),  # neither ratings nor artists are ever written
        ([0.0, 0.0, 0.0, 0.0, 0.0], (0.0, 1.0), ("1boy", "black hair")),
    ],
)
def test_each_category_has_its_threshold(probabilities, thresholds, expected) -> None:
    assert chosen_tags(TAGS, np.array(probabilities, dtype=np.float32), *thresholds) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("looking_at_viewer", "looking at viewer"),
        ("alexa_(amazon)", "alexa (amazon)"),
        ("v-neck_t-shirt", "v-neck t-shirt"),
        ("1boy", "1boy"),
        ("no_6", "no 6"),
        *(
            (face, face)
            for face in (
                *("0_0", "(o)_(o)", "+_+", "+_-", "._.", "<o>_<o>", "<|>_<|>", "=_=", ">_<", "3_3", "6_9"),
                *(">_o", "@_@", "^_^", "o_o", "u_u", "x_x", "|_|", "||_||"),
            )
        ),
    ],
)
def test_underscores_are_spaces_but_in_faces(name: str, expected: str) -> None:
    assert spoken(name) == expected


def test_a_list_is_read_with_quoted_names(tmp_path: Path) -> None:
    file = tmp_path / "selected_tags.csv"
    file.write_text(
        'tag_id,name,category,count\n1,general,9,5\n2,"hey,_listen",0,4\n3,ü_(series),4,3\n', encoding="utf-8"
    )
    assert read_tags(file) == (Tag("general", 9), Tag("hey,_listen", 0), Tag("ü_(series)", 4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"id,tag\n1,1boy\n", "no columns name and category"),
        (b"tag_id,name,category,count\n1,1boy\n", "no columns name and category"),
        (b"tag_id,name,category,count\n1,1boy,general,4\n", "of whole numbers"),
        (b"tag_id,name,category\n1,\xff,0\n", "cannot be read"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "selected_tags.csv").write_bytes(content)
    with pytest.raises(ModelError, match=rf"selected_tags\.csv .*{message}"):
        read_tags(tmp_path / "selected_tags.csv")
