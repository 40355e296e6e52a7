"""What threads inside one compiled kernel need: a barrier, and a hint to fetch memory early.

A barrier that returned to Python would cost a hundred times the block of work between two of them.
"""

from __future__ import annotations

import sys
from typing import Any

import numba
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

_SPINS = 2000
_GIVE_WAY = types.ExternalFunction(
    "SwitchToThread" if sys.platform == "win32" else "sched_yield", types.int32()
)


def _address(context: Any, builder: Any, kind: Any, array: Any, position: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [position])


@intrinsic
def _arrive(typing: Any, counter: Any) -> Any:
    """Add one to the first element, seen by all threads at once."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        one = ir.Constant(ir.IntType(64), 1)
        zero = ir.Constant(ir.IntType(64), 0)
        place = _address(context, builder, signature.args[0], args[0], zero)
        return builder.atomic_rmw("add", place, one, "seq_cst")

    return types.int64(counter), emit


@intrinsic
def _arrived(typing: Any, counter: Any) -> Any:
    """Read the first element as other threads have left it."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        zero = ir.Constant(ir.IntType(64), 0)
        place = _address(context, builder, signature.args[0], args[0], zero)
        return builder.load_atomic(place, "acquire", 8)

    return types.int64(counter), emit


@intrinsic
def fetch(typing: Any, array: Any, position: Any) -> Any:
    """Ask for the cache line of an element; does nothing where it cannot be read.

    Parameters
    ----------
    array : array of one dimension
    position : uint64
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _address(context, builder, signature.args[0], args[0], args[1])
        line, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [line, flag, flag, flag])
        function = builder.module.declare_intrinsic("llvm.prefetch", [line], kind)
        hints = [ir.Constant(flag, value) for value in (0, 3, 1)]  # read, keep, data
        builder.call(function, [builder.bitcast(place, line), *hints])
        return context.get_dummy_value()

    return types.void(array, position), emit


@numba.njit(cache=True, nogil=True)
def wait_for_all(counter, threads, passed):
    """Wait until every thread has come here as often as this one.

    Parameters
    ----------
    counter : ndarray of int64, shape (1,)
        Shared by the threads; 0 before the first barrier.
    threads : int
        How many there are; with one nothing happens.
    passed : int
        Barriers this thread has passed.

    Returns
    -------
    int
        ``passed + 1``.
    """
    if threads > 1:
        _arrive(counter)  # type: ignore[call-arg]
        spins = 0
        while _arrived(counter) < threads * (passed + 1):  # type: ignore[call-arg]
            spins += 1
            if spins > _SPINS:  # the others may be waiting for this very core
                _GIVE_WAY()
    return passed + 1
