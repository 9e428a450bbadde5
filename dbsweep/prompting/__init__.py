"""A prompt → longer ones: a language model at the edge, what is kept of its words as pure functions."""
