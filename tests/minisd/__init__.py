"""Tests of dbsweep.minisd."""
