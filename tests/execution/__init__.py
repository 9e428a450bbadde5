"""Tests of the back ends, the run folder and the ledger."""
