"""Stable Diffusion weights in and out: loading, hashes, checkpoints, export."""
