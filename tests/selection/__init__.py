"""Tests of dbsweep.selection."""
