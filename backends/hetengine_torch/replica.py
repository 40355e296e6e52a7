# PyTorch is the user's choice and may be absent where types are checked.
# pyright: reportMissingImports=false
"""One copy of a module whose parameters, gradients and statistics are parts of flat tensors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import torch
from torch import nn

from hetengine_torch.batch import Preparation

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Losses per sample from logits (batch, classes) and labels (batch,)."""


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return softmax cross-entropy per sample."""
    return nn.functional.cross_entropy(logits, labels, reduction="none")


def trainable(module: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that are trained, each once."""
    return [each for each in module.parameters() if each.requires_grad]


def running(module: nn.Module) -> Iterator[tuple[nn.Module, str, torch.Tensor]]:
    """Yield the buffers of floating-point numbers, such as running means, with their owners."""
    for owner in module.modules():
        for name, value in owner.named_buffers(recurse=False):
            if value.is_floating_point():
                yield owner, name, value


class Replica:
    """A module on the memory of one device.

    Parameters
    ----------
    module : nn.Module
        Copied.
    dtype : torch.dtype
        Type to compute in.
    place : torch.device
        Where to.
    preparation : Preparation
        What is done to pixels first.
    loss : callable
        Losses per sample.
    """

    def __init__(
        self,
        module: nn.Module,
        dtype: torch.dtype,
        place: torch.device,
        preparation: Preparation,
        loss: Loss,
    ) -> None:
        self._module = copy.deepcopy(module).to(place, dtype)
        self._prepare = preparation
        self._loss = loss
        self._bound: tuple[int, ...] = ()

    def _bind(
        self, parameters: torch.Tensor, gradients: torch.Tensor, statistics: torch.Tensor
    ) -> None:
        """Let the module work on these flat tensors; they stay the same from launch to launch."""
        bound = (parameters.data_ptr(), gradients.data_ptr(), statistics.data_ptr())
        if bound == self._bound:
            return
        self._bound = bound
        at = 0
        for each in trainable(self._module):
            part = slice(at, at + each.numel())
            each.data = parameters[part].view(each.shape)
            each.grad = gradients[part].view(each.shape)
            at += each.numel()
        at = 0
        for owner, name, value in list(running(self._module)):
            setattr(owner, name, statistics[at : at + value.numel()].view(value.shape))
            at += value.numel()

    def train(
        self,
        parameters: torch.Tensor,
        momentum: torch.Tensor,
        gradients: torch.Tensor,
        statistics: torch.Tensor,
        hyper: torch.Tensor,
        pixels: torch.Tensor,
        labels: torch.Tensor,
        shifts: torch.Tensor,
        weights: torch.Tensor,
        losses: torch.Tensor,
        hits: torch.Tensor,
    ) -> None:
        """Take one step of SGD: ``v = mu v + g + wd p; p -= lr v``.

        Parameters
        ----------
        parameters, momentum, gradients, statistics, hyper : tensor
            Flat vectors, see `hetengine.nets.model.Placed`.
        pixels, labels, shifts, weights, losses, hits : tensor
            A slot, see `hetengine.nets.model.Slot`.
        """
        self._bind(parameters, gradients, statistics)
        self._module.train()
        gradients.zero_()
        with torch.enable_grad():
            found = self._score(self._forward(pixels, shifts), labels, losses, hits)
            (weights * found).mean().backward()
        with torch.no_grad():
            slope = torch.addcmul(gradients, parameters, hyper[2])
            momentum.mul_(hyper[1]).add_(slope)
            parameters.addcmul_(momentum, -hyper[0])

    def evaluate(
        self,
        parameters: torch.Tensor,
        gradients: torch.Tensor,
        statistics: torch.Tensor,
        logits: torch.Tensor,
        pixels: torch.Tensor,
        labels: torch.Tensor,
        shifts: torch.Tensor,
        losses: torch.Tensor,
        hits: torch.Tensor,
    ) -> None:
        """Measure losses and hits in evaluation mode, and leave the logits; else as `train`."""
        self._bind(parameters, gradients, statistics)
        self._module.eval()
        with torch.no_grad():
            found = self._forward(pixels, shifts)
            logits.copy_(found.reshape(-1))
            self._score(found, labels, losses, hits)

    def _forward(self, pixels: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
        return self._module(self._prepare(pixels, shifts))

    def _score(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        losses: torch.Tensor,
        hits: torch.Tensor,
    ) -> torch.Tensor:
        """Return the losses, those of padding 0, and write them and the hits."""
        known = labels >= 0
        found = torch.where(known, self._loss(logits, labels.clamp(min=0).long()), 0.0)
        losses.copy_(found.detach())
        hits.copy_(known & (logits.detach().argmax(1) == labels))
        return found
