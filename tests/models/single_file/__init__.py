"""Tests of models in one file."""
