"""Prompts to images: prompt grammar, batched sampler, image metadata."""
