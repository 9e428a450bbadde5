"""Tests of dbsweep.scoring."""
