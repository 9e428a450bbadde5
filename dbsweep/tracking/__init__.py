"""A copy of every run in MLflow."""
