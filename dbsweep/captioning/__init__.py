"""Photos → words: captioners and taggers at the edge, what is written of their words as pure functions."""
