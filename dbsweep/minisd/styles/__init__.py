"""The eight rendering styles, each a function from a portrait to a finished image."""
