"""Tests of dbsweep.sweep."""
