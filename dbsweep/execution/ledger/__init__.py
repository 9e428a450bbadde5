"""The ledger of a run: what is true about it, in one SQLite file."""
