"""Tests of dbsweep.sampling."""
