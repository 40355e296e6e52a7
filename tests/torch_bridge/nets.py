# PyTorch is the user's choice and may be absent where types are checked.
# pyright: reportMissingImports=false
"""Small modules, and a plain PyTorch loop to compare with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn


def small_cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 5),
    )


def train_plainly(
    module: nn.Module,
    batches: Sequence[tuple[np.ndarray, np.ndarray]],
    rate: float,
    decay: float,
) -> list[np.ndarray]:
    """Return the losses per sample of each step."""
    optimiser = torch.optim.SGD(module.parameters(), rate, momentum=0.9, weight_decay=decay)
    module.train()
    seen = []
    for images, labels in batches:
        losses = nn.functional.cross_entropy(
            module(torch.from_numpy(images)), torch.from_numpy(labels), reduction="none"
        )
        optimiser.zero_grad()
        losses.mean().backward()
        optimiser.step()
        seen.append(losses.detach().numpy())
    return seen
