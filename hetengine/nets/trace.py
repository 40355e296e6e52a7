"""From layers to a graph: shapes, parameters, and which layers run as one operation.

A convolution waits for what follows it: a norm, the other branch of a residual and a ReLU join it,
anything else makes it an operation as it stands. A fully connected layer waits for a ReLU.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hetengine.errors import UsageError
from hetengine.nets.graph import (
    Affine,
    AveragePooling,
    BatchNorm,
    Branch,
    Clip,
    Convolution,
    Dense,
    Flattening,
    Graph,
    MaxPooling,
    Operation,
    Raising,
    Split,
    Sum,
    Tensor,
)
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
    check_layers,
)
from hetengine.nets.layout import (
    Layout,
    Piece,
    ones,
    uniform_bias,
    xavier_uniform,
    zeros,
    zeros_and_ones,
)


@dataclass(frozen=True, slots=True)
class _WaitingAffine:
    main: Branch
    residual: Branch | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.main.shape


@dataclass(frozen=True, slots=True)
class _WaitingDense:
    x: Tensor
    weight: Piece
    bias: Piece | None

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.weight.shape[0],)


_Value = Tensor | _WaitingAffine | _WaitingDense


class Tracer:
    """Follows a value through layers and writes down what happens to it.

    Parameters
    ----------
    name : str
        Of the net, for messages.

    Attributes
    ----------
    parameters, statistics : Layout
        What the layers followed so far have.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.parameters = Layout()
        self.statistics = Layout()
        self._operations: list[Operation] = []
        self._splits: dict[Tensor, Tensor] = {}
        self._names: Counter[str] = Counter()

    def graph(self, layers: Sequence[Layer], input_shape: tuple[int, ...], classes: int) -> Graph:
        """Trace a whole net.

        Parameters
        ----------
        layers : sequence of Layer
            The net.
        input_shape : tuple of int
            ``(channels, height, width)`` or ``(features,)``.
        classes : int
            Logits it must end with.

        Raises
        ------
        UsageError
            If a layer does not fit what comes before it, or the end does not fit the classes.
        """
        if len(input_shape) not in (1, 3) or min(input_shape) < 1:
            raise UsageError(
                f"{self.name}: input shape {input_shape} must be (channels, height, width) or "
                "(features,), each at least 1"
            )
        start = Tensor(input_shape, trained=False)
        end = self._tensor(self._follow(start, check_layers(layers)))
        if end.shape != (classes,):
            raise UsageError(
                f"{self.name}: the net ends with shape {end.shape} and the data have {classes} "
                f"classes; end it with Linear({classes})"
            )
        if not end.trained:
            raise UsageError(f"{self.name}: the net has no parameters; add a Linear or a Conv")
        return Graph(start, end, tuple(self._operations))

    def _follow(self, value: _Value, layers: Sequence[Layer]) -> _Value:
        for layer in layers:
            value = self._apply(value, layer)
        return value

    def _apply(self, value: _Value, layer: Layer) -> _Value:
        match layer:
            case Conv():
                return self._conv(self._image(value, layer), layer)
            case Norm():
                return self._norm(value, layer)
            case Relu():
                return self._relu(value)
            case Residual():
                return self._residual(self._tensor(value), layer)
            case MaxPool():
                return self._max_pool(self._image(value, layer), layer)
            case Linear():
                return self._linear(self._tensor(value), layer)
            case AveragePool():
                x = self._image(value, layer)
                z = Tensor((x.shape[0],), x.trained)
                self._operations.append(AveragePooling(x, z))
                return z
            case Flatten():
                x = self._image(value, layer)
                z = Tensor((x.shape[0] * x.shape[1] * x.shape[2],), x.trained)
                self._operations.append(Flattening(x, z))
                return z

    def _name(self, kind: str) -> str:
        self._names[kind] += 1
        return f"{kind}{self._names[kind]}"

    def _image(self, value: _Value, layer: Layer) -> Tensor:
        x = self._tensor(value)
        if not x.image:
            raise UsageError(
                f"{self.name}: {layer} needs images and gets {x.shape[0]} features; "
                "put it in front of AveragePool, Flatten and Linear"
            )
        return x

    def _tensor(self, value: _Value) -> Tensor:
        """Return a value as a tensor, writing down the operation it waited in."""
        match value:
            case _WaitingAffine(main=Branch(plain=True, source=source), residual=None):
                return source
            case _WaitingAffine():
                return self._affine(value, relu=False)
            case _WaitingDense():
                return self._dense(value, relu=False)
            case Tensor():
                return value

    def _affine(self, waiting: _WaitingAffine, relu: bool) -> Tensor:
        terms = [waiting.main] if waiting.residual is None else [waiting.main, waiting.residual]
        z = Tensor(waiting.shape, any(branch.trained for branch in terms))
        self._operations.append(Affine(waiting.main, waiting.residual, relu, z))
        return z

    def _dense(self, waiting: _WaitingDense, relu: bool) -> Tensor:
        z = Tensor(waiting.shape, trained=True)
        self._operations.append(Dense(waiting.x, z, waiting.weight, waiting.bias, relu))
        return z

    def _conv(self, x: Tensor, layer: Conv) -> _WaitingAffine:
        channels, height, width = x.shape
        if layer.stride == 2 and min(height, width) < 2:
            raise UsageError(
                f"{self.name}: {layer} gets images of {height} x {width} pixels; stride 2 needs "
                "at least 2 each way, use stride=1 or larger images"
            )
        name = self._name("conv")
        shape = (layer.channels, channels, layer.kernel, layer.kernel)
        weight = self.parameters.add(f"{name}.weight", shape, xavier_uniform)
        bias = None
        if layer.bias:
            draw = uniform_bias(channels * layer.taps)
            bias = self.parameters.add(f"{name}.bias", (layer.channels,), draw)
        source = x if layer.stride == 1 else self._split(x)
        result = (layer.channels, *source.shape[1:])
        convolution = Convolution(weight, layer.taps, layer.stride)
        return _WaitingAffine(Branch(source, _image_shape(result), convolution, bias=bias))

    def _split(self, x: Tensor) -> Tensor:
        if x not in self._splits:
            channels, height, width = x.shape
            half = (channels, -(-height // 2), -(-width // 2))
            self._splits[x] = Tensor(half, x.trained, phases=True)
            self._operations.append(Split(x, self._splits[x]))
        return self._splits[x]

    def _norm(self, value: _Value, layer: Norm) -> _Value:
        match value:
            case _WaitingAffine(main=Branch(norm=None, bias=None) as branch, residual=None):
                return self._normed(branch, layer)
        x = self._tensor(value)
        if x.image:
            return self._normed(Branch(x, _image_shape(x.shape)), layer)
        raised = Tensor((*x.shape, 1, 1), x.trained)
        self._operations.append(Raising(x, raised))
        normed = self._normed(Branch(raised, _image_shape(raised.shape)), layer)
        z = Tensor(x.shape, trained=True)
        self._operations.append(Flattening(self._affine(normed, relu=False), z))
        return z

    def _normed(self, branch: Branch, layer: Norm) -> _WaitingAffine:
        name, channels = self._name("norm"), branch.shape[0]
        norm = BatchNorm(
            self.parameters.add(f"{name}.gamma", (channels,), zeros if layer.zero else ones),
            self.parameters.add(f"{name}.beta", (channels,), zeros),
            self.statistics.add(f"{name}.running", (2, channels), zeros_and_ones),
            layer.epsilon,
            layer.momentum,
        )
        return _WaitingAffine(replace(branch, norm=norm))

    def _relu(self, value: _Value) -> Tensor:
        match value:
            case _WaitingAffine():
                return self._affine(value, relu=True)
            case _WaitingDense():
                return self._dense(value, relu=True)
        if value.image:
            branch = Branch(value, _image_shape(value.shape))
            return self._affine(_WaitingAffine(branch), relu=True)
        z = Tensor(value.shape, value.trained)
        self._operations.append(Clip(value, z))
        return z

    def _residual(self, x: Tensor, layer: Residual) -> _Value:
        first = self._follow(x, layer.branch)
        second = self._follow(x, layer.shortcut)
        if first.shape != second.shape:
            raise UsageError(
                f"{self.name}: the branch of a Residual ends with shape {first.shape} and its "
                f"shortcut with {second.shape}; give the shortcut a Conv(channels, kernel=1, "
                "stride) that matches"
            )
        if len(first.shape) == 3:
            terms = [self._branch(first), self._branch(second)]
            return _WaitingAffine(*sorted(terms, key=lambda branch: branch.plain))
        z = Tensor(first.shape, trained=True)
        one, other = self._tensor(first), self._tensor(second)
        self._operations.append(Sum(one, other, replace(z, trained=one.trained or other.trained)))
        return self._operations[-1].z

    def _branch(self, value: _Value) -> Branch:
        """Return a value as a term of an affine operation, the last norm still open."""
        if isinstance(value, _WaitingAffine) and value.residual is None:
            return value.main
        x = self._tensor(value)
        return Branch(x, _image_shape(x.shape))

    def _max_pool(self, x: Tensor, layer: MaxPool) -> Tensor:
        channels, height, width = x.shape
        if layer.window > min(height, width):
            raise UsageError(
                f"{self.name}: {layer} gets images of {height} x {width} pixels; use a smaller "
                "window or larger images"
            )
        z = Tensor((channels, height // layer.window, width // layer.window), x.trained)
        self._operations.append(MaxPooling(x, z, layer.window))
        return z

    def _linear(self, x: Tensor, layer: Linear) -> _WaitingDense:
        if x.image:
            raise UsageError(
                f"{self.name}: {layer} needs features and gets images of shape {x.shape}; put "
                "AveragePool() or Flatten() in front of it"
            )
        name, inputs = self._name("linear"), x.shape[0]
        weight = self.parameters.add(f"{name}.weight", (layer.features, inputs), xavier_uniform)
        bias = None
        if layer.bias:
            bias = self.parameters.add(f"{name}.bias", (layer.features,), uniform_bias(inputs))
        return _WaitingDense(x, weight, bias)


def _image_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    channels, height, width = shape
    return channels, height, width
