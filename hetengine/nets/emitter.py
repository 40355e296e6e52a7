"""What the forward and the backward pass of a net write their steps with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hetengine.device import Buffer
from hetengine.nets import kernels
from hetengine.nets.graph import BatchNorm, Branch, Convolution, Dense, Tensor
from hetengine.nets.layout import Piece
from hetengine.nets.storage import Storage
from hetengine.program import Step
from hetengine.work import Work


@dataclass(frozen=True, slots=True)
class Vectors:
    """The flat vectors of one copy of a net; see `hetengine.nets.model.Placed`."""

    parameters: Buffer
    gradients: Buffer
    momentum: Buffer
    statistics: Buffer
    hyper: Buffer


@dataclass(frozen=True, slots=True)
class Activations:
    """Where the values of a graph lie, and what they are computed with.

    Attributes
    ----------
    values : dict
        By tensor.
    outputs : dict
        What a branch's convolution writes, by branch.
    coefficients : dict
        By branch; those of a plain one are 1 and 0.
    masks : dict
        By (height, width).
    packed : Buffer
        Weights of the convolution that runs, shared by all.
    unused : Buffer
        Stands where a kernel wants a buffer that it will not use.
    """

    values: dict[Tensor, Buffer]
    outputs: dict[Branch, Buffer]
    coefficients: dict[Branch, Buffer]
    masks: dict[tuple[int, int], Buffer]
    packed: Buffer
    unused: Buffer

    def before(self, branch: Branch) -> Buffer:
        """Return what the norm, bias or ReLU of a branch reads."""
        if branch.convolution is None:
            return self.values[branch.source]
        return self.outputs[branch]

    def mask(self, shape: tuple[int, int, int]) -> Buffer:
        """Return the mask of (channels, height, width)."""
        return self.masks[shape[1], shape[2]]


class Emitter:
    """Writes steps for one copy of a net.

    Parameters
    ----------
    storage : Storage
        Its memory.
    vectors : Vectors
        Its flat vectors.
    activations : Activations
        Its values.

    Attributes
    ----------
    steps : list of Step
        What has been written.
    """

    def __init__(self, storage: Storage, vectors: Vectors, activations: Activations) -> None:
        self.storage = storage
        self.vectors = vectors
        self.held = activations
        self.batch = storage.batch
        self.steps: list[Step] = []

    def emit(self, kernel: Callable[..., Work], *args: Any) -> None:
        """Write one step."""
        self.steps.append(kernels.step(self.storage.device, kernel, *args))

    def parameter(self, piece: Piece) -> Buffer:
        """Return a piece of the parameters."""
        return self.storage.section(self.vectors.parameters, piece)

    def gradient(self, piece: Piece) -> Buffer:
        """Return a piece of the gradients."""
        return self.storage.section(self.vectors.gradients, piece)

    def norm_buffers(self, branch: Branch, norm: BatchNorm) -> tuple[Buffer, ...]:
        """Return gamma, beta, running statistics and coefficients."""
        running = self.storage.section(self.vectors.statistics, norm.running)
        gamma, beta = self.parameter(norm.gamma), self.parameter(norm.beta)
        return gamma, beta, running, self.held.coefficients[branch]

    def extents(self, branch: Branch, convolution: Convolution) -> tuple[int, ...]:
        """Return images, channels, outputs, height, width, taps and stride."""
        outputs, height, width = branch.shape
        channels = branch.source.shape[0]
        return (
            self.batch,
            channels,
            outputs,
            height,
            width,
            convolution.taps,
            convolution.stride,
        )

    def pack(self, branch: Branch, convolution: Convolution, backward: int) -> None:
        """Pack the weights of a convolution for a direction."""
        _, channels, outputs, _, _, taps, stride = self.extents(branch, convolution)
        weights = self.parameter(convolution.weight)
        sizes = (channels, outputs, taps, stride, backward)
        self.emit(kernels.net_pack, weights, self.held.packed, *sizes)

    def dense_bias(self, dense: Dense, vector: Callable[[Piece], Buffer]) -> tuple[Buffer, int]:
        """Return the bias, or its gradient, and 1; or any buffer and 0 if there is none."""
        return (self.held.unused, 0) if dense.bias is None else (vector(dense.bias), 1)
