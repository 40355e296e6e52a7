"""Neural nets over the device API: layers and models lowered to a few named kernels."""

from __future__ import annotations

from hetengine.nets.config import NetConfig
from hetengine.nets.layers import (
    AveragePool,
    Conv,
    Flatten,
    Layer,
    Linear,
    MaxPool,
    Norm,
    Relu,
    Residual,
)
from hetengine.nets.model import Model, Normalise, Placed, Slot
from hetengine.nets.net import Net

__all__ = [
    "AveragePool",
    "Conv",
    "Flatten",
    "Layer",
    "Linear",
    "MaxPool",
    "Model",
    "Net",
    "NetConfig",
    "Norm",
    "Normalise",
    "Placed",
    "Relu",
    "Residual",
    "Slot",
]
