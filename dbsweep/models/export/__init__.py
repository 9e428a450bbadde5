"""Models and LoRA out, as other programs load them, with what they show of a file."""
