"""From a search space to trials, the tree of stages that they share, and what it costs; pure Python."""
