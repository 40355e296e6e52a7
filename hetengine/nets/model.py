"""What a solver knows of a net, whoever built it: flat vectors, staging slots and three programs.

A net made of hetengine's layers and a PyTorch module both implement `Model`. A solver copies
batches into a `Slot`, launches a program, and reads losses back; parameters, momentum and the
running statistics of batch norm are flat vectors that it averages without looking inside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import DTypeLike

from hetengine.device import Buffer, Device, Event
from hetengine.errors import UsageError
from hetengine.program import Program


@dataclass(frozen=True, slots=True)
class Normalise:
    """How pixels become the net's input: ``x = (scale * pixel - mean) / std``, per channel.

    The scale is 1/255 for uint8 pixels and 1 for floating-point ones. Outside the image the raw
    pixel is 0, as if it had been padded before.

    Attributes
    ----------
    mean, std : tuple of float
        One per channel; for flat features one for all of them, or one each.
    pad : int
        Crop shifts lie in ``[-pad, pad]`` pixels; 0 for no crops.

    Raises
    ------
    UsageError
        If lengths differ, a deviation is not positive, or the padding is negative.
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    pad: int = 0

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or not self.mean:
            raise UsageError(
                f"normalise: {len(self.mean)} means and {len(self.std)} deviations; "
                "give one of each per channel"
            )
        if not all(math.isfinite(mean) for mean in self.mean):
            raise UsageError(f"normalise: mean={self.mean} must be finite")
        if not all(math.isfinite(std) and std > 0 for std in self.std):
            raise UsageError(f"normalise: std={self.std} must be finite and greater than 0")
        if self.pad < 0:
            raise UsageError(f"normalise: pad={self.pad} must be at least 0")


@dataclass(frozen=True, slots=True)
class Slot:
    """Staging for one batch on a device: what a program reads, and what it leaves behind.

    Attributes
    ----------
    pixels : Buffer, shape (batch, *input_shape)
        Raw images or features, of the pixel type the net was placed with.
    labels : Buffer, shape (batch,), int32
        Classes from 0; a negative label marks padding: its loss, hit and gradient are 0.
    shifts : Buffer, shape (batch, 3), int32
        Pixels the image moves down and right, and 1 to mirror it left to right afterwards; zeros
        leave it as it is. Flat features ignore it.
    weights : Buffer, shape (batch,)
        Training descends mean(weights * losses): the gradient of each sample's loss is multiplied
        by its weight; of the net's type. Zeros when placed, as parameters are: whoever trains
        copies ones there first (sampling by loss writes 1/(D p) instead). Losses and hits are
        never weighted.
    losses : Buffer, shape (batch,)
        Cross-entropy per sample, of the net's type.
    hits : Buffer, shape (batch,)
        1 where the largest logit is that of the label, else 0; of the net's type.
    """

    pixels: Buffer
    labels: Buffer
    shifts: Buffer
    weights: Buffer
    losses: Buffer
    hits: Buffer


class Placed(Protocol):
    """One copy of a model on one device, with everything allocated and every program recorded.

    The programs run as ``device.launch(program, program.buffers, program.work)``. They are named
    ``net_train`` and ``net_evaluate``; their work counts the batch as items, and its variant is
    ``'<dtype> <model name>'``.
    """

    @property
    def device(self) -> Device:
        """Where it lives."""
        ...

    @property
    def batch(self) -> int:
        """Samples of a batch."""
        ...

    @property
    def ready(self) -> tuple[Event, ...]:
        """Commands launched while it was placed.

        Whoever uses it waits for them first, and so hears of their failure.
        """
        ...

    @property
    def parameters(self) -> Buffer:
        """Weights, biases, gammas and betas, shape (P,)."""
        ...

    @property
    def momentum(self) -> Buffer:
        """Momentum of every parameter, shape (P,); zeroed when placed."""
        ...

    @property
    def gradients(self) -> Buffer:
        """Gradient of the last training step's mean loss, shape (P,)."""
        ...

    @property
    def statistics(self) -> Buffer:
        """Running means and variances of batch norm, shape (max(S, 1),)."""
        ...

    @property
    def hyper(self) -> Buffer:
        """Learning rate, momentum, weight decay and a 0, shape (4,)."""
        ...

    @property
    def logits(self) -> Buffer:
        """Logits of the last batch evaluated, shape (batch * classes,), sample after sample."""
        ...

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Staging, so that the next batch travels while one is computed."""
        ...

    @property
    def train(self) -> tuple[Program, ...]:
        """Training step per slot.

        Forward in training mode, losses and hits per sample before the update, backward of the mean
        of weights times losses over the batch, running statistics, and SGD:
        ``v = mu v + g + wd p; p -= lr v``.
        """
        ...

    @property
    def evaluate(self) -> tuple[Program, ...]:
        """Forward in evaluation mode per slot: logits, losses and hits; running statistics used."""
        ...

    @property
    def score(self) -> tuple[Program, ...]:
        """Losses in evaluation mode per slot, to rank samples by; may be those of `evaluate`."""
        ...

    def free(self) -> None:
        """Give back all memory once every command that uses it has run."""
        ...


class Model(Protocol):
    """A net as a solver sees it.

    Flat vectors have the same layout on every device and in either precision. The layout may
    contain padding (``parameter_count`` is then more than ``trainable_count``); padding is 0 and
    stays 0.
    """

    @property
    def name(self) -> str:
        """For instance ``resnet20``."""
        ...

    @property
    def input_shape(self) -> tuple[int, ...]:
        """``(channels, height, width)`` or ``(features,)``."""
        ...

    @property
    def classes(self) -> int:
        """Number of logits."""
        ...

    @property
    def parameter_count(self) -> int:
        """P, the length of the flat vector of parameters, padding included."""
        ...

    @property
    def trainable_count(self) -> int:
        """Number of parameters without padding, the one to quote: 272,474 for ``resnet20``."""
        ...

    @property
    def statistic_count(self) -> int:
        """S, the length of the flat vector of running statistics; 0 if there are none."""
        ...

    def initial(self, rng: np.random.Generator, dtype: DTypeLike) -> tuple[np.ndarray, np.ndarray]:
        """Draw initial values.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of every draw; the same state gives the same values in either precision.
        dtype : dtype
            Float32 or float64.

        Returns
        -------
        parameters : ndarray, shape (P,)
        statistics : ndarray, shape (S,)
            Means 0 and variances 1.
        """
        ...

    def named(self, parameters: np.ndarray, statistics: np.ndarray) -> dict[str, np.ndarray]:
        """Return every array of the flat vectors by its name, as views.

        Parameters
        ----------
        parameters : ndarray, shape (P,)
        statistics : ndarray, shape (S,)
        """
        ...

    def place(
        self,
        device: Device,
        batch: int,
        dtype: DTypeLike,
        pixel_dtype: DTypeLike,
        normalise: Normalise,
        slots: int = 2,
    ) -> Placed:
        """Allocate a copy on a device and record its programs.

        Parameters and statistics are zeros until they are copied there.

        Parameters
        ----------
        device : Device
            Any.
        batch : int
            Samples per batch, at least 1 (2 where batch norm sees one value per channel and
            sample).
        dtype : dtype
            Type to compute in: float32 or float64.
        pixel_dtype : dtype
            Type of the pixels: uint8, float32 or float64.
        normalise : Normalise
            What the programs do to the pixels first.
        slots : int
            Batches that can be staged at once, at least 1.

        Raises
        ------
        UsageError
            If an argument is not allowed; nothing is allocated then.
        OutOfCapacity
            If the device cannot hold it; nothing stays allocated then.
        """
        ...
