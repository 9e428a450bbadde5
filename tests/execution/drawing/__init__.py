"""Tests of what workers draw."""
