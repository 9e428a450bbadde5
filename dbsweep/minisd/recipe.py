"""How MiniSD was made: the sizes and lengths of its trainings."""

from __future__ import annotations

from dataclasses import dataclass

from dbsweep.minisd.training_loop import LoopPlan


@dataclass(frozen=True)
class Recipe:
    """Sizes and lengths; the defaults were run from end to end, and the model card says how good a model they make."""

    seed: int = 0
    renders: int = 64_000
    """Pictures in the training set."""
    autoencoder_steps: int = 2_400
    autoencoder_batch: int = 12
    """Pictures a step and worker."""
    decoder_steps: int = 650
    """Of the decoder alone, after the whole autoencoder."""
    denoiser_steps: int = 5_000
    denoiser_batch: int = 32
    """Pictures a step and worker."""
    clip_steps: int = 8_000
    clip_batch: int = 128
    """Pictures a step."""
    text_steps: int = 250
    text_batch: int = 64
    """Captions a step and worker."""
    text_renders: int = 16_000
    """Pictures that the text encoder is taught against."""
    workers: int = 2
    """Processes that train together; the weights depend on how many."""
    save_every: int = 250
    """Steps between checkpoints."""

    @property
    def autoencoder_plan(self) -> LoopPlan:
        """Return how the autoencoder is trained."""
        return LoopPlan(
            "autoencoder", self.autoencoder_steps, 2e-3, ema_decay=0.995, save_every=self.save_every, seed=self.seed
        )

    @property
    def decoder_plan(self) -> LoopPlan:
        """Return how the decoder is sharpened."""
        return LoopPlan(
            "decoder", self.decoder_steps, 1e-3, ema_decay=0.995, save_every=self.save_every, seed=self.seed + 1
        )

    @property
    def denoiser_plan(self) -> LoopPlan:
        """Return how the denoiser is trained."""
        return LoopPlan(
            "denoiser", self.denoiser_steps, 1.5e-3, weight_decay=0.01, save_every=self.save_every, seed=self.seed
        )

    @property
    def text_plan(self) -> LoopPlan:
        """Return how the text encoder is trained."""
        return LoopPlan(
            "text", self.text_steps, 2e-3, weight_decay=0.01, warmup=20, ema_decay=0.98,
            save_every=self.save_every, seed=self.seed,
        )  # fmt: skip

    @property
    def clip_plan(self) -> LoopPlan:
        """Return how the open_clip model is trained."""
        return LoopPlan("clip", self.clip_steps, 2e-3, weight_decay=0.05, save_every=self.save_every, seed=self.seed)
