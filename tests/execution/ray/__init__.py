"""Tests of the back end on Ray."""
