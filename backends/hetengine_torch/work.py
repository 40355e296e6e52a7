# PyTorch is the user's choice and may be absent where types are checked.
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false
"""How much a module computes and moves, found by running it once on zeros."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

_SAMPLES = 2
"""Batch norm in small nets refuses a batch of one."""


def measure(module: nn.Module, input_shape: tuple[int, ...]) -> tuple[float, float]:
    """Return the work of one forward pass per sample.

    Parameters
    ----------
    module : nn.Module
        Not changed.
    input_shape : tuple of int
        Of one sample.

    Returns
    -------
    flops : float
        Multiplications and additions of matrix products and convolutions, as PyTorch counts them.
    values : float
        Numbers read and written by the innermost modules, nothing cached.
    """
    probe = copy.deepcopy(module).to("cpu", torch.float32).eval()
    values = 0

    def count(_: nn.Module, given: tuple[object, ...], result: object) -> None:
        nonlocal values
        values += sum(each.numel() for each in (*given, result) if isinstance(each, torch.Tensor))

    for each in probe.modules():
        if not list(each.children()):
            each.register_forward_hook(count)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        probe(torch.zeros(_SAMPLES, *input_shape))
    return counter.get_total_flops() / _SAMPLES, values / _SAMPLES
