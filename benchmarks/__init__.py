"""Each claim about speed or quality: a command, what it is measured against, the recorded result."""
