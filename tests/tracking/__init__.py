"""Tests of the copy in MLflow."""
