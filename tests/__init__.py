"""Tests of dbsweep, mirroring its rooms."""
