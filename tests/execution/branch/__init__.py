"""Tests of one branch in its worker."""
