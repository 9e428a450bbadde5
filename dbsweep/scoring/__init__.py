"""Images to scorecards: encoders at the edge, metrics as pure functions on arrays."""
