"""What a training pass keeps from its way forward for its way back, counted from the shapes of the networks.

Each figure is a tensor that autograd saves, in sizes of the layer's own features; two ops that save one tensor count
once. Attention is a fused kernel that keeps no matrix. In half precision (autocast) a UNet keeps 2 bytes of each number
(`dbsweep.training.norms`); the text encoder's norms are computed in float32, and their inputs are kept so.
`python -m benchmarks.memory` counts the same storage by storage.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_FLOAT, _HALF = 4, 2


@dataclass(frozen=True, slots=True)
class UNetShape:
    """What a UNet of Stable Diffusion looks like.

    Attributes:
        channels: of each level, the finest first.
        layers: residual blocks of each level on the way down; one more on the way up.
        attends: of each level, whether attention follows each of its residual blocks.
        factor: pixels of the image a latent, along one side.
    """

    channels: tuple[int, ...]
    layers: int
    attends: tuple[bool, ...]
    factor: int = 8


@dataclass(frozen=True, slots=True)
class TextShape:
    """What a CLIP text encoder looks like.

    Attributes:
        width, layers: of its transformer; hidden: of the layers' perceptrons.
        quick: the activation is x · sigmoid(1.702 x), which keeps one tensor more than GELU.
    """

    width: int
    layers: int
    hidden: int
    quick: bool
    tokens: int = 77


def unet_bytes(shape: UNetShape, resolution: int, *, half: bool, checkpointing: bool) -> int:
    """Bytes that one square image keeps, with what is at work when most is kept."""
    if not checkpointing:
        return saved_bytes(shape, resolution, half=half) + _at_work(shape, resolution, half=half)
    blocks = list(_blocks(shape, resolution))
    largest = max(block.kept(half=half) for block in blocks)
    return sum(block.entry(half=half) for block in blocks) + largest + _at_work(shape, resolution, half=half)


def saved_bytes(shape: UNetShape, resolution: int, *, half: bool) -> int:
    """Bytes of what autograd saves of one square image, nothing recomputed."""
    return sum(block.kept(half=half) for block in _blocks(shape, resolution))


def text_bytes(shape: TextShape, *, half: bool, checkpointing: bool) -> int:
    """Bytes that one prompt keeps in a text encoder that trains."""
    features, inner = shape.width * shape.tokens, shape.hidden * shape.tokens
    # Two norms, queries, keys and values, what attention makes, and the perceptron's layers.
    perceptron = (3 if shape.quick else 2) * inner
    layer = _norm(features, half, readers=3) + _norm(features, half) + _width(half) * (4 * features + perceptron)
    return (shape.layers * _width(half) * features + layer) if checkpointing else shape.layers * layer


@dataclass(frozen=True, slots=True)
class _Residual:
    """A residual block of two norms and two convolutions."""

    inputs: int
    outputs: int
    pixels: int

    def kept(self, *, half: bool) -> int:
        # Each half: the norm's input, its output (for SiLU), and the convolution's input.
        return 3 * _width(half) * (self.inputs + self.outputs) * self.pixels

    def entry(self, *, half: bool) -> int:
        return _width(half) * self.inputs * self.pixels


@dataclass(frozen=True, slots=True)
class _Attention:
    """A spatial transformer: self-attention, attention to the prompt, and a gated perceptron of 4 times the width."""

    channels: int
    pixels: int

    def kept(self, *, half: bool) -> int:
        # The last projection's input stands in the place of the recomputed part's own. Three norms' inputs and outputs;
        # queries, keys, values and result of the first attention; queries and result of the second; the perceptron's
        # two halves (8), the gate's activation (4) and the product (4).
        return self.entry(half=half) + _width(half) * self.channels * self.pixels * (-1 + 6 + 4 + 2 + 16)

    def entry(self, *, half: bool) -> int:
        """What stands around the part that is recomputed: a norm's input and output, and the inputs of block and last
        projection."""
        return 4 * _width(half) * self.channels * self.pixels


@dataclass(frozen=True, slots=True)
class _Kept:
    """Inputs of convolutions that change the size, and the last norm."""

    features: int

    def kept(self, *, half: bool) -> int:
        return _width(half) * self.features

    def entry(self, *, half: bool) -> int:
        return self.kept(half=half)


_Block = _Residual | _Attention | _Kept


def _blocks(shape: UNetShape, resolution: int) -> Iterator[_Block]:
    levels = len(shape.channels)
    pixels = [(resolution // shape.factor >> level) ** 2 for level in range(levels)]
    skips = [shape.channels[0]]
    previous = shape.channels[0]
    for level, channels in enumerate(shape.channels):
        for _ in range(shape.layers):
            yield _Residual(previous, channels, pixels[level])
            if shape.attends[level]:
                yield _Attention(channels, pixels[level])
            previous = channels
            skips.append(channels)
        if level < levels - 1:
            yield _Kept(channels * pixels[level])
            skips.append(channels)
    yield _Residual(previous, previous, pixels[-1])
    yield _Attention(previous, pixels[-1])
    yield _Residual(previous, previous, pixels[-1])
    for level in reversed(range(levels)):
        for _ in range(shape.layers + 1):
            yield _Residual(previous + skips.pop(), shape.channels[level], pixels[level])
            if shape.attends[level]:
                yield _Attention(shape.channels[level], pixels[level])
            previous = shape.channels[level]
        if level > 0:
            yield _Kept(previous * pixels[level - 1])
    yield _Kept(3 * shape.channels[0] * pixels[0])


def _at_work(shape: UNetShape, resolution: int, *, half: bool) -> int:
    """Gradients of a perceptron at the finest level: of its product, its activation and its two halves."""
    return _width(half) * 16 * shape.channels[0] * (resolution // shape.factor) ** 2


def _norm(features: int, half: bool, readers: int = 1) -> int:
    """A norm's input, and what those that read its output keep of it: one tensor, or in half precision a copy each."""
    return _FLOAT * features + (_HALF * readers if half else _FLOAT) * features


def _width(half: bool) -> int:
    return _HALF if half else _FLOAT
