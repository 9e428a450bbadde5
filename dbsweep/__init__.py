"""dbsweep: sweeps of DreamBooth trainings that say which checkpoint to keep, and show why."""

__version__ = "0.1.0"
