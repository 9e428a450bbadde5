"""Tests of dbcommands.commands."""
