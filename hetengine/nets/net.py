"""A net made of layers, as the model of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import DTypeLike

from hetengine.device import Device
from hetengine.errors import UsageError
from hetengine.nets.graph import Affine
from hetengine.nets.layers import Layer
from hetengine.nets.layout import Layout
from hetengine.nets.model import Normalise
from hetengine.nets.placed import PlacedNet, Plan
from hetengine.nets.trace import Tracer

_REAL = (np.float32, np.float64)
_PIXELS = (np.uint8, np.float32, np.float64)


class Net:
    """A `hetengine.nets.model.Model` made of hetengine's layers.

    Parameters
    ----------
    name : str
        For messages, traces and cost models.
    layers : sequence of Layer
        From the input to the logits.
    input_shape : tuple of int
        ``(channels, height, width)`` or ``(features,)``.
    classes : int
        Number of logits.

    Attributes
    ----------
    graph : Graph
        Its operations.
    parameters, statistics : Layout
        What lies where in the flat vectors; the running statistics of a norm are its means, then
        its variances.

    Raises
    ------
    UsageError
        If a layer does not fit what comes before it, or the end does not fit the classes.

    Examples
    --------
    >>> from hetengine.nets import Linear, Net, Relu
    >>> net = Net("tiny", (Linear(8), Relu(), Linear(3)), (4,), classes=3)
    >>> net.trainable_count
    67
    >>> list(net.parameters.arrays(np.zeros(net.parameter_count)))
    ['linear1.weight', 'linear1.bias', 'linear2.weight', 'linear2.bias']
    """

    def __init__(
        self, name: str, layers: Sequence[Layer], input_shape: tuple[int, ...], classes: int
    ) -> None:
        self.name = name
        self.input_shape = input_shape
        self.classes = classes
        tracer = Tracer(name)
        graph = tracer.graph(layers, input_shape, classes)
        self.parameters: Layout = tracer.parameters
        self.statistics: Layout = tracer.statistics
        self.graph = graph
        self._plan = Plan(name, graph, self.parameters, self.statistics)

    @property
    def parameter_count(self) -> int:
        """P, the length of the flat vector of parameters, padding included."""
        return self.parameters.length

    @property
    def trainable_count(self) -> int:
        """Number of parameters without padding."""
        return self.parameters.count

    @property
    def statistic_count(self) -> int:
        """S, the length of the flat vector of running statistics, padding included."""
        return self.statistics.length

    def initial(self, rng: np.random.Generator, dtype: DTypeLike) -> tuple[np.ndarray, np.ndarray]:
        """Draw initial values; see `hetengine.nets.model.Model.initial`.

        Weights are Xavier-uniform, biases as PyTorch draws them, gammas 1 (or 0, see
        `hetengine.nets.layers.Norm`) and betas 0.
        """
        return self.parameters.initial(rng, dtype), self.statistics.initial(rng, dtype)

    def named(self, parameters: np.ndarray, statistics: np.ndarray) -> dict[str, np.ndarray]:
        """Return every array of the flat vectors by its name, as views."""
        return self.parameters.arrays(parameters) | self.statistics.arrays(statistics)

    def place(
        self,
        device: Device,
        batch: int,
        dtype: DTypeLike,
        pixel_dtype: DTypeLike,
        normalise: Normalise,
        slots: int = 2,
    ) -> PlacedNet:
        """Allocate a copy on a device and record its programs; see `Model.place`."""
        real, pixels = np.dtype(dtype), np.dtype(pixel_dtype)
        if real not in _REAL or pixels not in _PIXELS:
            raise UsageError(
                f"{self.name}: cannot compute in {real} on pixels of {pixels}; compute in float32 "
                "or float64, on pixels of uint8, float32 or float64"
            )
        if batch < 1 or slots < 1:
            raise UsageError(
                f"{self.name}: batch={batch} and slots={slots} must both be at least 1"
            )
        self._check_norms(batch)
        normalise = self._fitting(normalise)
        return PlacedNet(self._plan, device, batch, real, pixels, normalise, slots)

    def _check_norms(self, batch: int) -> None:
        for operation in self._plan.graph.operations:
            for branch in operation.branches if isinstance(operation, Affine) else ():
                _, height, width = branch.shape
                if branch.norm is not None and batch * height * width < 2:
                    raise UsageError(
                        f"{self.name}: batch=1 leaves a norm one value per channel, which has no "
                        "variance; use a batch of at least 2"
                    )

    def _fitting(self, normalise: Normalise) -> Normalise:
        """Return one mean and deviation per channel, or for features one of each or one for all."""
        given, wanted = len(normalise.mean), self.input_shape[0]
        if given == wanted or (given == 1 and len(self.input_shape) == 1):
            return normalise
        if given == 1:
            return replace(normalise, mean=normalise.mean * wanted, std=normalise.std * wanted)
        raise UsageError(
            f"{self.name}: {given} means for an input of shape {self.input_shape}; give 1 or "
            f"{wanted}"
        )
