"""Tests of what starts and ends branches."""
