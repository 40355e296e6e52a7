"""The backward pass of a graph as steps of a program.

Every tensor with a gradient has one buffer for it, lent while it is needed: the first operation to
reach it overwrites, later ones add. Where a gradient simply passes through, its buffer is handed on
instead of copied.
"""

from __future__ import annotations

from hetengine.device import Buffer
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
    Tensor,
)
from hetengine.program import Step

_WRITE, _ADD = 1, 2


class Backward(Emitter):
    """Steps from the gradient of the logits to those of the parameters."""

    _gradients: dict[Tensor, Buffer]

    def run(self, graph: Graph, dlogits: Buffer) -> list[Step]:
        """Write and return the steps.

        Parameters
        ----------
        graph : Graph
            What has been computed, in training mode.
        dlogits : Buffer
            Gradient with respect to the logits; overwritten.
        """
        self._gradients = {graph.logits: dlogits}
        for operation in reversed(graph.operations):
            if operation.z in self._gradients:
                self._operation(operation)
        return self.steps

    def _operation(self, operation: Operation) -> None:
        match operation:
            case Affine():
                self._affine(operation)
                return
            case Dense():
                self._dense(operation)
            case Clip(x=x, z=z):
                count = self.batch * z.shape[0]
                dz = self._gradients[z]
                self.emit(kernels.net_relu_back, dz, self.held.values[z], count)
                self._pass_on([x], z)
                return
            case Sum(x=x, y=y, z=z):
                self._pass_on([x, y], z)
                return
            case Split() | MaxPooling() | AveragePooling() | Flattening():
                self._rearranged(operation)
            case Raising():
                self._raising(operation)
        self._end(operation.z)

    def _target(self, tensor: Tensor) -> tuple[Buffer, int]:
        """Return where a gradient goes, and whether to overwrite or add; 0 if it is not wanted."""
        if not tensor.trained:
            return self.held.unused, 0
        if tensor in self._gradients:
            return self._gradients[tensor], _ADD
        self._gradients[tensor] = self.storage.borrow(tensor)
        return self._gradients[tensor], _WRITE

    def _end(self, tensor: Tensor) -> None:
        """A tensor's gradient has been used."""
        self.storage.give_back(tensor, self._gradients.pop(tensor))

    def _pass_on(self, tensors: list[Tensor], z: Tensor) -> None:
        """Give the gradient of z to the tensors it is a sum of; its buffer goes with the last."""
        dz = self._gradients.pop(z)
        wanted = [tensor for tensor in tensors if tensor.trained]
        heir = next((t for t in wanted if t not in self._gradients), None)
        if heir is not None:
            wanted.remove(heir)
        for tensor in wanted:
            buffer, target = self._target(tensor)
            self.emit(kernels.net_add, dz, buffer, self.storage.size(z), target)
        if heir is None:
            self.storage.give_back(z, dz)
        elif heir in self._gradients:
            self.emit(kernels.net_add, dz, self._gradients[heir], self.storage.size(z), _ADD)
            self.storage.give_back(z, dz)
        else:
            self._gradients[heir] = dz

    def _dense(self, dense: Dense) -> None:
        values = self.held.values
        dbias, biased = self.dense_bias(dense, self.gradient)
        dx, target = self._target(dense.x)
        self.emit(
            kernels.net_dense_back,
            values[dense.x],
            self.parameter(dense.weight),
            values[dense.z],
            self._gradients[dense.z],
            self.gradient(dense.weight),
            dbias,
            dx,
            self.batch,
            dense.x.shape[0],
            dense.z.shape[0],
            biased,
            int(dense.relu),
            target,
        )

    def _raising(self, operation: Raising) -> None:
        x, dz = operation.x, self._gradients[operation.z]
        dx, target = self._target(x)
        extents = (self.batch, *operation.z.shape)
        if target == _WRITE:
            self.emit(kernels.net_flatten, dz, dx, *extents)
        elif target == _ADD:
            part = self.storage.borrow(x)
            self.emit(kernels.net_flatten, dz, part, *extents)
            self.emit(kernels.net_add, part, dx, self.storage.size(x), _ADD)
            self.storage.give_back(x, part)

    def _rearranged(self, operation: Split | MaxPooling | AveragePooling | Flattening) -> None:
        x, dz = operation.x, self._gradients[operation.z]
        dx, target = self._target(x)
        extents = (self.batch, *x.shape)
        match operation:
            case Split():
                self.emit(kernels.net_merge, dz, dx, *extents, target)
            case AveragePooling():
                self.emit(kernels.net_average_pool_back, dz, dx, *extents, target)
            case Flattening():
                self.emit(kernels.net_flatten_back, dz, dx, *extents, target)
            case MaxPooling(window=window):
                args = (self.held.values[x], dz, dx, *extents, window, target)
                self.emit(kernels.net_max_pool_back, *args)

    def _affine(self, operation: Affine) -> None:
        relu = int(operation.relu)
        for k, branch in enumerate(operation.branches):
            # The first one turns the gradient of z into g, which the second finds.
            if k == 0 or not branch.plain:
                self._map(operation, branch, relu if k == 0 else 0)
        passed = []
        for branch in operation.branches:
            if branch.convolution is not None:
                self._convolution(operation, branch)
            elif branch.norm is not None:
                self._norm_input(operation, branch)
            else:
                passed.append(branch.source)
        self._pass_on(passed, operation.z)

    def _map(self, operation: Affine, branch: Branch, relu: int) -> None:
        """Turn the gradient of z into g; gradients of gamma, beta and bias."""
        held, z = self.held, operation.z
        dz, extents = self._gradients[z], (self.batch, *branch.shape)
        mask = held.mask(branch.shape)
        if branch.norm is None:
            dbias = held.unused if branch.bias is None else self.gradient(branch.bias)
            self.emit(kernels.net_bias_back, dz, held.values[z], mask, dbias, *extents, relu)
            return
        gamma, beta = branch.norm.gamma, branch.norm.beta
        gradients = (self.gradient(gamma), self.gradient(beta))
        before = (held.values[z], held.before(branch), mask, held.coefficients[branch])
        args = (dz, *before, self.parameter(gamma), *gradients, *extents, relu)
        self.emit(kernels.net_norm_back, *args)

    def _convolution(self, operation: Affine, branch: Branch) -> None:
        convolution = branch.convolution
        if convolution is None:
            return
        held = self.held
        dx, target = self._target(branch.source)
        if target:
            self.pack(branch, convolution, backward=1)
        normed = int(branch.norm is not None)
        result = Tensor(branch.shape, trained=True)
        dy = self.storage.borrow(result) if normed else held.unused
        self.emit(
            kernels.net_conv_back,
            held.values[branch.source],
            self._gradients[operation.z],
            held.before(branch),
            held.coefficients[branch],
            held.mask(branch.shape),
            held.packed,
            dy,
            self.gradient(convolution.weight),
            dx,
            *self.extents(branch, convolution),
            normed,
            target,
        )
        if normed:
            self.storage.give_back(result, dy)

    def _norm_input(self, operation: Affine, branch: Branch) -> None:
        dx, target = self._target(branch.source)
        if not target:
            return
        held = self.held
        tensors = (self._gradients[operation.z], held.before(branch), held.coefficients[branch])
        mask = held.mask(branch.shape)
        args = (*tensors, mask, dx, self.batch, *branch.shape, target)
        self.emit(kernels.net_norm_input, *args)
