# PyTorch is the user's choice and may be absent where types are checked.
# pyright: reportMissingImports=false
"""The same ResNet20 in PyTorch, eager, on the GPU: the contender of `benchmarks.gpu.nets`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from hetengine.nets.models import scaled


def stepper(
    pixels: np.ndarray, labels: np.ndarray, classes: int, width: float
) -> Callable[[int], float] | None:
    """Return what trains for some steps on a batch and returns the wall seconds.

    The batch lies on the GPU beforehand, convolutions are tuned (``cudnn.benchmark``) and may use
    TF32, which is PyTorch's default, and channels come last.

    Parameters
    ----------
    pixels : ndarray, shape (batch, 3, height, width), uint8
    labels : ndarray, shape (batch,)
    classes : int
    width : float
        Factor on the channels.

    Returns
    -------
    callable or None
        None where there is no PyTorch that reaches a GPU.
    """
    try:
        import torch
    except ImportError:
        return None
    if not torch.cuda.is_available():
        return None
    torch.backends.cudnn.benchmark = True
    net = _resnet20(torch, classes, width).cuda().to(memory_format=torch.channels_last)
    images = torch.from_numpy((pixels / 255.0 - 0.5) / 0.25).float().cuda()
    images = images.to(memory_format=torch.channels_last)
    targets = torch.from_numpy(labels).long().cuda()
    sgd = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)

    def run(steps: int) -> float:
        torch.cuda.synchronize()
        begun = time.perf_counter()
        for _ in range(steps):
            sgd.zero_grad(set_to_none=True)
            torch.nn.functional.cross_entropy(net(images), targets).backward()
            sgd.step()
        torch.cuda.synchronize()
        return time.perf_counter() - begun

    return run


def _resnet20(torch: Any, classes: int, width: float) -> Any:
    nn = torch.nn

    def normed(inputs: int, outputs: int, kernel: int, stride: int) -> list[Any]:
        conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        return [conv, nn.BatchNorm2d(outputs)]

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            first = [*normed(inputs, outputs, 3, stride), nn.ReLU(inplace=True)]
            self.branch = nn.Sequential(*first, *normed(outputs, outputs, 3, 1))
            same = stride == 1 and inputs == outputs
            self.shortcut = nn.Sequential(*([] if same else normed(inputs, outputs, 1, stride)))
            nn.init.zeros_(self.branch[-1].weight)

        def forward(self, x: Any) -> Any:
            return torch.relu(self.branch(x) + self.shortcut(x))

    stages = [scaled(channels, width) for channels in (16, 32, 64)]
    layers: list[Any] = [*normed(3, stages[0], 3, 1), nn.ReLU(inplace=True)]
    inputs = stages[0]
    for stage, outputs in enumerate(stages):
        for block in range(3):
            layers.append(Block(inputs, outputs, 2 if stage and not block else 1))
            inputs = outputs
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes)]
    return nn.Sequential(*layers, *head)
