"""A hint to fetch memory early, where the hardware cannot see what is due next."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic


@intrinsic
def fetch(typing: Any, array: Any, position: Any) -> Any:
    """Ask for the cache line of an element; does nothing where it cannot be read.

    It goes into the second cache: the first has room for a few dozen lines on their way, which is
    too little to wait for main memory with.

    Parameters
    ----------
    array : array of one dimension
    position : uint64
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        place = builder.gep(array.data, [args[1]])
        line, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [line, flag, flag, flag])
        function = builder.module.declare_intrinsic("llvm.prefetch", [line], kind)
        hints = [ir.Constant(flag, value) for value in (0, 2, 1)]  # read, second cache, data
        builder.call(function, [builder.bitcast(place, line), *hints])
        return context.get_dummy_value()

    return types.void(array, position), emit
