"""A net as a list of operations on tensors: what lies between its layers and its kernels.

Layers that run as one kernel are one operation here: `Affine` is a convolution with its norm or
bias, the residual that is added to it, and the ReLU behind.
"""

from __future__ import annotations

from dataclasses import dataclass

from hetengine.nets.layout import Piece


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A value for a whole batch: planes of images, or rows of features.

    Attributes
    ----------
    shape : tuple of int
        ``(channels, height, width)`` or ``(features,)``.
    trained : bool
        Whether parameters lie before it, so that its gradient is wanted.
    phases : bool
        Whether it holds the four phases of a stride-2 convolution's input; height and width are
        then those of one phase.
    """

    shape: tuple[int, ...]
    trained: bool
    phases: bool = False

    @property
    def image(self) -> bool:
        """Whether it has pixels."""
        return len(self.shape) == 3


@dataclass(frozen=True, slots=True, eq=False)
class Convolution:
    """Weights of a convolution.

    Attributes
    ----------
    weight : Piece
        Shape (outputs, channels, kernel, kernel).
    taps, stride : int
        1 or 9; 1 or 2.
    """

    weight: Piece
    taps: int
    stride: int


@dataclass(frozen=True, slots=True, eq=False)
class BatchNorm:
    """Parameters of a batch norm.

    Attributes
    ----------
    gamma, beta : Piece
        Of the parameters, shape (channels,).
    running : Piece
        Of the statistics, shape (2, channels): means, then variances.
    epsilon, momentum : float
        See `hetengine.nets.layers.Norm`.
    """

    gamma: Piece
    beta: Piece
    running: Piece
    epsilon: float
    momentum: float


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """A tensor, perhaps convolved, perhaps normed or biased.

    Attributes
    ----------
    source : Tensor
        Planes, or phases in front of a convolution with stride 2.
    shape : tuple of int
        Channels, height and width of the result.
    convolution : Convolution or None
        What is done first.
    norm : BatchNorm or None
        What is done then.
    bias : Piece or None
        What is added instead of a norm.
    """

    source: Tensor
    shape: tuple[int, int, int]
    convolution: Convolution | None = None
    norm: BatchNorm | None = None
    bias: Piece | None = None

    @property
    def plain(self) -> bool:
        """Whether it is the tensor itself."""
        return self.convolution is None and self.norm is None and self.bias is None

    @property
    def trained(self) -> bool:
        """Whether parameters lie before its result."""
        return self.source.trained or not self.plain


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """``z = relu(main + residual)``.

    Attributes
    ----------
    main : Branch
        First term.
    residual : Branch or None
        Second term.
    relu : bool
        Whether to clip below 0.
    z : Tensor
        The result.
    """

    main: Branch
    residual: Branch | None
    relu: bool
    z: Tensor

    @property
    def branches(self) -> tuple[Branch, ...]:
        """Both terms, or the one there is."""
        return (self.main,) if self.residual is None else (self.main, self.residual)


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Planes ``x`` split into the four phases ``z``."""

    x: Tensor
    z: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class MaxPooling:
    """Largest pixels ``z`` of the windows of ``x``."""

    x: Tensor
    z: Tensor
    window: int


@dataclass(frozen=True, slots=True, eq=False)
class AveragePooling:
    """Means ``z`` of the images ``x``."""

    x: Tensor
    z: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Flattening:
    """Pixels of ``x`` as features ``z``."""

    x: Tensor
    z: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Raising:
    """Features ``x`` as the channels of images ``z`` of one pixel."""

    x: Tensor
    z: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """``z = relu(x weight^T + bias)`` on features."""

    x: Tensor
    z: Tensor
    weight: Piece
    bias: Piece | None
    relu: bool


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """``z = relu(x)`` on features."""

    x: Tensor
    z: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Sum:
    """``z = x + y`` on features."""

    x: Tensor
    y: Tensor
    z: Tensor


Operation = Affine | Split | MaxPooling | AveragePooling | Flattening | Raising | Dense | Clip | Sum


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Operations in an order in which they can run.

    Attributes
    ----------
    input, logits : Tensor
        First and last.
    operations : tuple of Operation
        In order.
    """

    input: Tensor
    logits: Tensor
    operations: tuple[Operation, ...]
