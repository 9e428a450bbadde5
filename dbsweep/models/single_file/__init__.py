"""Models in one file, in the layout of the original code: what kind they are, and reading them."""
