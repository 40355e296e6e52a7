# PyTorch is the user's choice and may be absent where types are checked.
# pyright: reportFunctionMemberAccess=false, reportMissingImports=false
"""Any PyTorch module as the net of a run."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import nn

from hetengine.device import Device
from hetengine.errors import UsageError
from hetengine.nets.model import Normalise
from hetengine.work import Work
from hetengine_torch.batch import Preparation
from hetengine_torch.device import torch_dtype
from hetengine_torch.placed import Buffers, Sizes, TorchPlaced
from hetengine_torch.replica import Loss, Replica, cross_entropy, running, trainable
from hetengine_torch.work import measure

_BACKWARD = 2.0
"""A backward pass computes and moves about twice what a forward pass does."""


class TorchModel:
    """A module that turns inputs into logits, as a `hetengine.nets.model.Model`.

    It runs on devices of the backends ``torch`` and ``numpy``, and on simulated ones. All trained
    parameters lie in one flat buffer, and all floating-point buffers (the running means and
    variances of batch norm) in another, in the module's own order; the module's tensors are views
    of them. Dropout draws from PyTorch's global generator.

    Parameters
    ----------
    module : nn.Module, or callable without arguments that returns one
        A module starts from the values it has, whatever the run's seed; a function is called
        under that seed to make it. The module itself is not trained: load the result into it with
        `load`.
    input_shape : tuple of int
        Shape of one sample: ``(channels, height, width)`` or ``(features,)``.
    classes : int
        Number of logits.
    name : str, optional
        Name in tables and traces; by default that of the module's class.
    loss : callable, optional
        Losses per sample, shape (batch,), from logits (batch, classes) and labels (batch,) of
        int64; by default softmax cross-entropy.

    Raises
    ------
    UsageError
        If there is nothing to train, or the module does not return logits.

    Examples
    --------
    >>> model = TorchModel(nn.Linear(4, 3), (4,), 3)
    >>> model.parameter_count
    15
    """

    def __init__(
        self,
        module: nn.Module | Callable[[], nn.Module],
        input_shape: tuple[int, ...],
        classes: int,
        name: str = "",
        loss: Loss = cross_entropy,
    ) -> None:
        self._make = None if isinstance(module, nn.Module) else module
        self.module = module if isinstance(module, nn.Module) else module()
        self.input_shape = tuple(input_shape)
        self.classes = classes
        self.name = name or type(self.module).__name__
        self._loss = loss
        self._check()

    def _check(self) -> None:
        if not trainable(self.module):
            raise UsageError(f"{self.name} has no parameter that requires a gradient")
        try:
            self._forward_work  # noqa: B018
        except Exception as error:
            reason = " ".join(str(error).split())
            raise UsageError(
                f"{self.name} does not take an input of {self.input_shape} ({reason}); give the "
                "input_shape of one sample"
            ) from error
        probe = torch.zeros(2, *self.input_shape)
        parameter = next(self.module.parameters())
        before = self.module.training
        with torch.no_grad():
            logits = self.module.eval()(probe.to(parameter.device, parameter.dtype))
        self.module.train(before)
        if not isinstance(logits, torch.Tensor) or logits.shape != (2, self.classes):
            shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits)
            raise UsageError(
                f"{self.name} returns {shape} for 2 samples; need logits of shape "
                f"(2, {self.classes}): classes={self.classes}"
            )

    @cached_property
    def _forward_work(self) -> tuple[float, float]:
        return measure(self.module, self.input_shape)

    @property
    def parameter_count(self) -> int:
        """Number of trained parameters, P."""
        return sum(each.numel() for each in trainable(self.module))

    @property
    def trainable_count(self) -> int:
        """The same: there is no padding."""
        return self.parameter_count

    @property
    def statistic_count(self) -> int:
        """Floating-point numbers in the module's buffers, S."""
        return sum(value.numel() for _, _, value in running(self.module))

    def initial(self, rng: np.random.Generator, dtype: DTypeLike) -> tuple[np.ndarray, np.ndarray]:
        """Return initial values: the module's own, or those of one made under a seed from ``rng``.

        Parameters
        ----------
        rng : numpy.random.Generator
            Used where a function makes the module.
        dtype : dtype
            Float32 or float64.

        Returns
        -------
        parameters : ndarray, shape (P,)
        statistics : ndarray, shape (S,)
        """
        seed = int(rng.integers(2**63))
        if self._make is None:
            return self.state(self.module, dtype)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return self.state(self._make(), dtype)

    def state(self, module: nn.Module, dtype: DTypeLike) -> tuple[np.ndarray, np.ndarray]:
        """Return the flat vectors of a module of this architecture.

        Parameters
        ----------
        module : nn.Module
            With the same parameters and buffers.
        dtype : dtype
            Float32 or float64.

        Returns
        -------
        parameters : ndarray, shape (P,)
        statistics : ndarray, shape (S,)
        """
        buffers = [value for _, _, value in running(module)]
        return _flat(trainable(module), dtype), _flat(buffers, dtype)

    def named(self, parameters: np.ndarray, statistics: np.ndarray) -> dict[str, np.ndarray]:
        """Return every tensor by its name in the module's ``state_dict``, as views.

        Parameters
        ----------
        parameters, statistics : ndarray, shapes (P,) and (S,)
            Flat vectors.
        """
        names = {id(value): name for name, value in self.module.named_parameters()}
        names |= {id(value): name for name, value in self.module.named_buffers()}
        found: dict[str, np.ndarray] = {}
        own = (trainable(self.module), [value for _, _, value in running(self.module)])
        for flat, tensors in zip((parameters, statistics), own, strict=True):
            at = 0
            for each in tensors:
                found[names[id(each)]] = flat[at : at + each.numel()].reshape(tuple(each.shape))
                at += each.numel()
        return found

    def load(self, parameters: np.ndarray, statistics: np.ndarray) -> nn.Module:
        """Write flat vectors into the module and return it, in evaluation mode.

        Parameters
        ----------
        parameters, statistics : ndarray, shapes (P,) and (S,)
            For instance those of a `hetengine.NetResult`.
        """
        with torch.no_grad():
            _unflatten(parameters, trainable(self.module))
            _unflatten(statistics, [value for _, _, value in running(self.module)])
        return self.module.eval()

    def place(
        self,
        device: Device,
        batch: int,
        dtype: DTypeLike,
        pixel_dtype: DTypeLike,
        normalise: Normalise,
        slots: int = 2,
    ) -> TorchPlaced:
        """Allocate a copy on a device and make its programs; see `hetengine.nets.model.Model`.

        Raises
        ------
        UsageError
            If an argument is out of range, or PyTorch cannot reach the device's memory.
        OutOfCapacity
            If the device cannot hold it; nothing stays allocated then.
        """
        for key, value in (("batch", batch), ("slots", slots)):
            if value < 1:
                raise UsageError(f"{self.name}: {key}={value} must be at least 1")
        counts = (self.parameter_count, self.statistic_count)
        sizes = Sizes(*counts, self.input_shape, self.classes, batch, slots)
        buffers = Buffers(device, self.name, sizes, dtype, pixel_dtype)
        assert buffers.reach is not None
        place = buffers.reach.place
        kind = torch_dtype(dtype)
        preparation = Preparation(normalise, torch_dtype(pixel_dtype), kind, place)
        replica = Replica(self.module, kind, place, preparation, self._loss)
        variant = f"{np.dtype(dtype).name} {self.name}"
        forward, training = self._work(batch, np.dtype(dtype).itemsize, variant)
        return TorchPlaced(device, batch, buffers, replica, forward, training)

    def _work(self, batch: int, item_bytes: int, variant: str) -> tuple[Work, Work]:
        """Return the work of an evaluation and of a training step."""
        flops, values = self._forward_work
        count = self.parameter_count
        moved = item_bytes * (batch * values + count)
        forward = Work(batch * flops, moved / 2, moved / 2, batch, variant)
        share = 1.0 + _BACKWARD
        # SGD reads parameters, gradients and momentum, and writes two of them.
        training = Work(
            share * batch * flops + 6 * count,
            share * moved / 2 + 3 * item_bytes * count,
            share * moved / 2 + 2 * item_bytes * count,
            batch,
            variant,
        )
        return forward, training


def _flat(tensors: list[torch.Tensor] | list[nn.Parameter], dtype: DTypeLike) -> np.ndarray:
    parts = [each.detach().cpu().numpy().reshape(-1) for each in tensors]
    return np.concatenate([np.empty(0, dtype), *parts]).astype(dtype)


def _unflatten(flat: np.ndarray, tensors: list[torch.Tensor] | list[nn.Parameter]) -> None:
    sizes = [math.prod(each.shape) for each in tensors]
    if flat.shape != (sum(sizes),):
        raise UsageError(f"{flat.shape} numbers for a module that has {sum(sizes)}")
    for each, part in zip(tensors, np.split(flat, np.cumsum(sizes)[:-1]), strict=False):
        each.copy_(torch.from_numpy(np.ascontiguousarray(part)).view(each.shape))
