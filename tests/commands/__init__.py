"""Tests of dbsweep.commands."""
