"""MiniSD: a small, real Stable Diffusion, the portrait world it was trained on, and the training that makes it."""
