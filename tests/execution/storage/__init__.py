"""Tests of storage by URI."""
