"""What a net is made of: small immutable descriptions, put one after another in a tuple.

A net is a sequence of layers; `Residual` holds sequences of its own. Shapes follow from the input:
``(channels, height, width)`` up to `AveragePool` or `Flatten`, ``(features,)`` behind it.

Examples
--------
A user's own net, for ``problem.model=my_package.my_module:small``::

    def small(input_shape, classes, width):
        channels = max(1, round(16 * width))
        block = Residual((Conv(channels), Norm(), Relu(), Conv(channels), Norm(zero=True)))
        return (Conv(channels), Norm(), Relu(), block, Relu(), AveragePool(), Linear(classes))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hetengine.errors import UsageError

KERNELS = (1, 3)
STRIDES = (1, 2)


@dataclass(frozen=True, slots=True)
class Conv:
    """Convolution over images, padded so that stride 1 keeps their size.

    Attributes
    ----------
    channels : int
        Channels of the output.
    kernel : {3, 1}
        Pixels each way; 3 pads by 1.
    stride : {1, 2}
        With 2 the output has half the height and width, rounded up.
    bias : bool
        Add a constant per channel; pointless in front of `Norm`.
    """

    channels: int
    kernel: int = 3
    stride: int = 1
    bias: bool = False

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise UsageError(f"Conv(channels={self.channels}): needs at least 1 channel")
        if self.kernel not in KERNELS or self.stride not in STRIDES:
            raise UsageError(
                f"Conv(kernel={self.kernel}, stride={self.stride}): kernel must be one of "
                f"{KERNELS} and stride one of {STRIDES}"
            )

    @property
    def taps(self) -> int:
        """Weights per input channel of an output: ``kernel ** 2``."""
        return self.kernel * self.kernel


@dataclass(frozen=True, slots=True)
class Norm:
    """Batch norm per channel of images, or per feature (Ioffe & Szegedy 2015).

    Attributes
    ----------
    zero : bool
        Begin with gamma 0 instead of 1, so that a residual branch begins as nothing (Goyal et al.
        2017).
    epsilon : float
        Added to the variance.
    momentum : float
        Weight of a batch in the running statistics.
    """

    zero: bool = False
    epsilon: float = 1e-5
    momentum: float = 0.1

    def __post_init__(self) -> None:
        if not self.epsilon > 0 or not 0 <= self.momentum <= 1:
            raise UsageError(
                f"Norm(epsilon={self.epsilon}, momentum={self.momentum}): epsilon must be greater "
                "than 0 and momentum between 0 and 1"
            )


@dataclass(frozen=True, slots=True)
class Relu:
    """Clip below 0."""


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Largest pixel of each square window; windows do not overlap, what is left over is dropped.

    Attributes
    ----------
    window : int
        Pixels each way, at least 1.
    """

    window: int = 2

    def __post_init__(self) -> None:
        if self.window < 1:
            raise UsageError(f"MaxPool(window={self.window}): needs at least 1 pixel")


@dataclass(frozen=True, slots=True)
class AveragePool:
    """Mean of every channel of an image: one feature per channel."""


@dataclass(frozen=True, slots=True)
class Flatten:
    """All pixels of an image as features, channel by channel and row by row."""


@dataclass(frozen=True, slots=True)
class Linear:
    """Fully connected layer over features.

    Attributes
    ----------
    features : int
        Features of the output.
    bias : bool
        Add a constant per feature.
    """

    features: int
    bias: bool = True

    def __post_init__(self) -> None:
        if self.features < 1:
            raise UsageError(f"Linear(features={self.features}): needs at least 1 feature")


@dataclass(frozen=True, slots=True)
class Residual:
    """Sum of two sequences of layers on the same input (He et al. 2016).

    Attributes
    ----------
    branch : tuple of Layer
        The main branch.
    shortcut : tuple of Layer
        The other one; empty for the input itself.
    """

    branch: tuple[Layer, ...]
    shortcut: tuple[Layer, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "branch", check_layers(self.branch))
        object.__setattr__(self, "shortcut", check_layers(self.shortcut))


Layer = Conv | Norm | Relu | MaxPool | AveragePool | Flatten | Linear | Residual


def check_layers(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Return a sequence of layers as a tuple.

    Raises
    ------
    UsageError
        If it is no sequence, or something in it is no layer.
    """
    if not isinstance(layers, Sequence):
        raise UsageError(
            f"a net must be a sequence of layers, not {type(layers).__name__}; "
            "write (Conv(16), Relu(), ...)"
        )
    for layer in layers:
        if not isinstance(layer, Layer):
            raise UsageError(
                f"{layer!r} is no layer; allowed: Conv, Norm, Relu, MaxPool, AveragePool, Flatten, "
                "Linear, Residual"
            )
    return tuple(layers)
