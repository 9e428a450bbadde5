"""What workers draw and score: class images, references, checkpoints, closer looks, grids."""
