"""Tests of files for other programs."""
