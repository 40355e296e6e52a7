"""The nets that come with hetengine, as functions from shapes to layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hetengine.errors import UsageError
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
from hetengine.nets.model import Model

#: ``function(input_shape, classes, width)``: what ``problem.model=package.module:function`` names.
Builder = Callable[[tuple[int, ...], int, float], Sequence[Layer] | Model]

_STAGES = (16, 32, 64)
_HIDDEN = (512, 256)
_MAPS = (16, 32)
_FEATURES = 128


def scaled(count: int, width: float) -> int:
    """Return a number of channels or features times a width, at least 1."""
    return max(1, round(count * width))


def _resnet(blocks: int, classes: int, width: float) -> tuple[Layer, ...]:
    """Return a residual net for small images with so many blocks in each of three stages."""
    channels = [scaled(count, width) for count in _STAGES]
    layers: list[Layer] = [Conv(channels[0]), Norm(), Relu()]
    inputs = channels[0]
    for stage, outputs in enumerate(channels):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            same = stride == 1 and inputs == outputs
            shortcut = () if same else (Conv(outputs, kernel=1, stride=stride), Norm())
            branch = (Conv(outputs, stride=stride), Norm(), Relu(), Conv(outputs), Norm(zero=True))
            layers += [Residual(branch, shortcut), Relu()]
            inputs = outputs
    return (*layers, AveragePool(), Linear(classes))


def _check_images(name: str, input_shape: tuple[int, ...]) -> None:
    if len(input_shape) != 3:
        raise UsageError(
            f"problem={name} needs images and the data have {input_shape[0]} features per sample; "
            "use problem=mlp"
        )


def resnet20(input_shape: tuple[int, ...], classes: int, width: float) -> tuple[Layer, ...]:
    """ResNet20 for small images (He et al., CVPR 2016, section 4.2).

    Shortcuts that change shape are 1x1 convolutions with a norm, and the last gamma of each block
    begins at 0, as in the recipe of biased local SGD (arXiv 2508.08540): 272,474 parameters on
    CIFAR-10.

    Parameters
    ----------
    input_shape : tuple of int
        ``(channels, height, width)``.
    classes : int
        Logits.
    width : float
        Factor on all channels.
    """
    _check_images("resnet20", input_shape)
    return _resnet(3, classes, width)


def resnet32(input_shape: tuple[int, ...], classes: int, width: float) -> tuple[Layer, ...]:
    """ResNet32: as `resnet20`, with five blocks per stage."""
    _check_images("resnet32", input_shape)
    return _resnet(5, classes, width)


def mlp(input_shape: tuple[int, ...], classes: int, width: float) -> tuple[Layer, ...]:
    """Fully connected net with hidden layers of 512 and 256 features times ``width``."""
    start: tuple[Layer, ...] = () if len(input_shape) == 1 else (Flatten(),)
    hidden = [layer for size in _HIDDEN for layer in (Linear(scaled(size, width)), Relu())]
    return (*start, *hidden, Linear(classes))


def cnn(input_shape: tuple[int, ...], classes: int, width: float) -> tuple[Layer, ...]:
    """Two convolutions with max pooling and a hidden layer, without norms.

    Sizes are 16 and 32 channels and 128 features, times ``width``.
    """
    _check_images("cnn", input_shape)
    layers: list[Layer] = []
    for count in _MAPS:
        layers += [Conv(scaled(count, width), bias=True), Relu(), MaxPool()]
    return (*layers, Flatten(), Linear(scaled(_FEATURES, width)), Relu(), Linear(classes))


#: Models by name, as ``problem.model`` has it.
MODELS: dict[str, Builder] = {"resnet20": resnet20, "resnet32": resnet32, "mlp": mlp, "cnn": cnn}
