"""The one training loop: DreamBooth with prior preservation, exact and resumable."""
