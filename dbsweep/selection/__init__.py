"""Scorecards to verdict and choice: pure functions, no torch."""
