"""Subjects are attribute tuples of known values."""

from __future__ import annotations

from dataclasses import fields

import pytest

from dbsweep.minisd.attributes import COLOUR_STYLES, STYLES, SUBJECT_VALUES, Subject


def test_an_unknown_value_is_refused():
    with pytest.raises(ValueError, match=r"`hair_colour` must be one of .*got 'ginger'"):
        Subject("man", "tan", "ginger", "short", "none", "none", "oval", "soft", "blue", "button", "smile", "none")


def test_every_attribute_has_its_values_in_the_order_of_the_fields():
    assert list(SUBJECT_VALUES) == [field.name for field in fields(Subject)]
    assert all(len(set(values)) == len(values) > 1 for values in SUBJECT_VALUES.values())


def test_styles_that_show_colours_are_styles():
    assert set(STYLES) > COLOUR_STYLES
