"""Tests of the memory forecast."""
