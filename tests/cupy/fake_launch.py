"""CuPy's modules and kernels, on a pretended machine: launches are checked against the source."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import numpy as np

from hetengine_kernels.signature import parse
from tests.cupy import fake_opencl as opencl
from tests.cupy.fake_kernels import KERNELS
from tests.cupy.fake_machine import Command, Machine, Range
from tests.cupy.fake_memory import FakeArray

_HEADER = re.compile(r"^KERNEL\s+void\s+(\w+)\s*\((.*?)\)\s*\{", re.MULTILINE | re.DOTALL)


class CompileException(Exception):
    """What CuPy raises for source that does not compile."""


class RawModule:
    """cupy.RawModule."""

    def __init__(self, machine: Machine, code: str, options: tuple[str, ...]) -> None:
        self.machine = machine
        self.code = code
        self.defines = dict(word.removeprefix("-D").split("=", 1) for word in options)

    def get_function(self, name: str) -> SimpleNamespace:
        if self.machine.broken_source or "#include" in self.code:
            raise CompileException("kern.cu(7): error: identifier is undefined\n1 error detected")
        return SimpleNamespace(kernel=Function(self, name))


class Function:
    """cupy.cuda.Function: checks a launch against the source and enqueues it."""

    def __init__(self, module: RawModule, name: str) -> None:
        self.machine = module.machine
        self.name = name
        self.device = self.machine.stack[-1]
        self.defines = module.defines
        self.parameters = parse(module.code)[name].parameters
        header = next(text for found, text in _HEADER.findall(module.code) if found == name)
        self.constant = ["const" in piece.split() for piece in header.split(",")]
        double = self.defines["REAL"] == "double"
        self.real = np.dtype(np.float64 if double else np.float32)
        self.scalar = np.dtype(np.float64 if self.defines["FP64"] == "1" else np.float32)

    def __call__(self, grid: tuple, block: tuple, args: tuple, *, stream: Any) -> None:
        machine = self.machine
        if self.device != stream.line.device:
            machine.fail(f"{self.name} was compiled for another device")
        if block != (int(self.defines["WG"]), 1, 1) or len(grid) != 3 or min(grid) < 1:
            machine.fail(f"{self.name}: grid {grid} and block {block} do not suit its build")
        if len(args) != len(self.parameters):
            machine.fail(f"{self.name} takes {len(self.parameters)} arguments, got {len(args)}")
        pointers: dict[str, tuple[int, int, np.dtype]] = {}
        values: dict[str, Any] = {}
        ranges: list[Range] = []
        each = zip(self.parameters, args, self.constant, strict=True)
        for parameter, value, constant in each:
            if value.dtype != parameter.dtype(self.real, self.scalar):
                machine.fail(f"{self.name}: {parameter.name} is {value.dtype}")
            if not parameter.pointer:
                values[parameter.name] = value
                continue
            if not isinstance(value, FakeArray):
                machine.fail(f"{self.name}: {parameter.name} is no device array")
            # A launch keeps addresses, not arrays: those the caller has to keep alive.
            pointers[parameter.name] = (value.data.ptr, value.nbytes, value.dtype)
            ranges.append(Range(value.data.ptr, value.nbytes, not constant))

        def run() -> None:
            arrays = {
                name: machine.resolve(ptr, nbytes, self.device, f"{self.name}.{name}").view(dtype)
                for name, (ptr, nbytes, dtype) in pointers.items()
            }
            if self.name in KERNELS:
                a = SimpleNamespace(**values, **arrays, TILE=int(self.defines["TILE"]))
                KERNELS[self.name](a, grid[0])
            else:
                opencl.run(self.name, self.defines, values | arrays, grid[0])
            machine.launched.append(self.name)

        machine.enqueue(stream.line, Command(self.name, run, tuple(ranges)))
