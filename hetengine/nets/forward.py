"""The forward pass of a graph as steps of a program."""

from __future__ import annotations

from hetengine.nets import kernels
from hetengine.nets.emitter import Emitter
from hetengine.nets.graph import (
    Affine,
    AveragePooling,
    Branch,
    Clip,
    Dense,
    Flattening,
    Graph,
    MaxPooling,
    Operation,
    Raising,
    Split,
    Sum,
)
from hetengine.program import Step


class Forward(Emitter):
    """Steps from the input's values to those of the logits."""

    def run(self, graph: Graph, training: bool) -> list[Step]:
        """Write and return the steps.

        Parameters
        ----------
        graph : Graph
            What to compute.
        training : bool
            Norms use and record the statistics of the batch; otherwise the running ones.
        """
        for operation in graph.operations:
            self._operation(operation, training)
        return self.steps

    def _operation(self, operation: Operation, training: bool) -> None:
        values = self.held.values
        match operation:
            case Affine():
                self._affine(operation, training)
            case Split(x=x, z=z):
                self.emit(kernels.net_split, values[x], values[z], self.batch, *x.shape)
            case MaxPooling(x=x, z=z, window=window):
                args = (values[x], values[z], self.batch, *x.shape, window)
                self.emit(kernels.net_max_pool, *args)
            case AveragePooling(x=x, z=z):
                self.emit(kernels.net_average_pool, values[x], values[z], self.batch, *x.shape)
            case Flattening(x=x, z=z):
                self.emit(kernels.net_flatten, values[x], values[z], self.batch, *x.shape)
            case Raising(x=x, z=z):
                args = (values[x], values[z], self.batch, *z.shape, 1)
                self.emit(kernels.net_flatten_back, *args)
            case Dense():
                self._dense(operation)
            case Clip(x=x, z=z):
                self.emit(kernels.net_relu, values[x], values[z], self.batch * x.shape[0])
            case Sum(x=x, y=y, z=z):
                count = self.batch * z.shape[0]
                self.emit(kernels.net_add, values[x], values[z], count, 1)
                self.emit(kernels.net_add, values[y], values[z], count, 2)

    def _dense(self, dense: Dense) -> None:
        values = self.held.values
        bias, biased = self.dense_bias(dense, self.parameter)
        extents = (self.batch, dense.x.shape[0], dense.z.shape[0])
        args = (values[dense.x], self.parameter(dense.weight), bias, values[dense.z])
        self.emit(kernels.net_dense, *args, *extents, biased, int(dense.relu))

    def _affine(self, operation: Affine, training: bool) -> None:
        for branch in operation.branches:
            self._branch(branch, training)
        held, main = self.held, operation.main
        other = operation.residual or main
        how = 0 if operation.residual is None else 1 if other.plain else 2
        self.emit(
            kernels.net_apply,
            held.before(main),
            held.coefficients[main],
            held.before(other),
            held.coefficients[other],
            held.mask(main.shape),
            held.values[operation.z],
            self.batch,
            *main.shape,
            how,
            int(operation.relu),
        )

    def _branch(self, branch: Branch, training: bool) -> None:
        """Convolve, and find the coefficients."""
        held, norm, convolution = self.held, branch.norm, branch.convolution
        y, mask = held.before(branch), held.mask(branch.shape)
        if convolution is not None:
            self.pack(branch, convolution, backward=0)
            tensors = (held.values[branch.source], held.packed, y)
            extents = self.extents(branch, convolution)
            if training and norm is not None:
                tensors = (*tensors, mask, *self.norm_buffers(branch, norm))
                knobs = (norm.epsilon, norm.momentum)
                self.emit(kernels.net_conv_norm, *tensors, *extents, *knobs)
                return
            self.emit(kernels.net_conv, *tensors, *extents)
        if branch.bias is not None:
            bias, coefficients = self.parameter(branch.bias), held.coefficients[branch]
            self.emit(kernels.net_bias, bias, coefficients, branch.shape[0])
        if norm is not None and training:
            tensors = (y, mask, *self.norm_buffers(branch, norm))
            knobs = (norm.epsilon, norm.momentum)
            self.emit(kernels.net_norm, *tensors, self.batch, *branch.shape, *knobs)
        elif norm is not None:
            args = (branch.shape[0], norm.epsilon)
            self.emit(kernels.net_norm_running, *self.norm_buffers(branch, norm), *args)
