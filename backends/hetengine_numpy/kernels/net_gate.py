"""How the threads of a team tell one another that they begin and have ended, without a lock.

A thread that waits for the interpreter lock, or for the operating system to wake it, loses tens of
microseconds, and a step of a net is hundreds of kernels. So the first thread of a team opens the
gate from within a kernel, when it has let go of the interpreter lock, and the others watch it for a
while before they go to sleep.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding
import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_PAUSES = llvmlite.binding.get_process_triple().startswith(("x86_64", "i686"))
_ALIGNMENT = 8


def _pointer(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [at])


def _make_store() -> Any:
    """Make an intrinsic that writes an int64, after everything that was written before."""

    @intrinsic
    def store(typing_context, array, at, value):  # type: ignore[no-untyped-def]
        signature = types.void(array, types.int64, types.int64)

        def generate(context: Any, builder: Any, found: Any, args: Any) -> Any:
            place = _pointer(context, builder, found.args[0], args[0], args[1])
            builder.store_atomic(args[2], place, "release", _ALIGNMENT)
            return context.get_dummy_value()

        return signature, generate

    return store


def _make_load() -> Any:
    """Make an intrinsic that reads an int64, before everything read later; on x86, pause first."""

    @intrinsic
    def load(typing_context, array, at):  # type: ignore[no-untyped-def]
        signature = types.int64(array, types.int64)

        def generate(context: Any, builder: Any, found: Any, args: Any) -> Any:
            if _PAUSES:
                kind = ir.FunctionType(ir.VoidType(), [])
                name = "llvm.x86.sse2.pause"
                builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [])
            place = _pointer(context, builder, found.args[0], args[0], args[1])
            return builder.load_atomic(place, "acquire", _ALIGNMENT)

        return signature, generate

    return load


_store = _make_store()
_load = _make_load()


@numba.njit(cache=True, nogil=True)
def open_gate(gate, part):
    """Let the others begin: what the first thread does first in every kernel of a team."""
    if part == 0:
        _store(gate, 0, gate[0] + 1)


@numba.njit(cache=True, nogil=True)
def report(done, part, order):
    """Say that a part of an order has ended."""
    _store(done, part, order)


@numba.njit(cache=True, nogil=True)
def watch(counts, first, order, tries):
    """Wait until all counts from ``first`` on have reached an order; return whether they have."""
    k = first
    for _ in range(tries):
        while k < counts.size and _load(counts, k) >= order:
            k += 1
        if k == counts.size:
            return True
    return False
