"""Tests of dbsweep.models."""
