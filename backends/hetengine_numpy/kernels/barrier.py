"""How threads inside compiled kernels wait for one another, without a lock.

A thread that waits for the interpreter lock, or for the operating system to wake it, loses tens of
microseconds: more than a block of work between two barriers takes, and a step of a net is hundreds
of kernels. So they watch counts in memory. Threads of one kernel meet with `wait_for_all`. The
first thread of a team opens a gate from within each kernel, when it has let go of the interpreter
lock; the others `watch` it for a while before they go to sleep, and `report` when they have ended,
which includes watching for what comes next: the first thread may want that lock now.
"""

from __future__ import annotations

import sys
from typing import Any

import llvmlite.binding
import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_SPINS = 500
_GIVE_WAY = types.ExternalFunction(
    "SwitchToThread" if sys.platform == "win32" else "sched_yield", types.int32()
)
_CORE = (
    types.ExternalFunction("sched_getcpu", types.int32())
    if sys.platform.startswith("linux")
    else None
)
_PAUSES = llvmlite.binding.get_process_triple().startswith(("x86_64", "i686"))
_ALIGNMENT = 8


def _address(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [at])


@intrinsic
def _add_one(typing: Any, counts: Any, at: Any) -> Any:
    """Add one to an int64, seen by all threads at once."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _address(context, builder, signature.args[0], *args)
        return builder.atomic_rmw("add", place, ir.Constant(ir.IntType(64), 1), "seq_cst")

    return types.int64(counts, types.int64), emit


@intrinsic
def _store(typing: Any, counts: Any, at: Any, value: Any) -> Any:
    """Write an int64, after everything that was written before."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _address(context, builder, signature.args[0], *args[:2])
        builder.store_atomic(args[2], place, "release", _ALIGNMENT)
        return context.get_dummy_value()

    return types.void(counts, types.int64, types.int64), emit


@intrinsic
def _load(typing: Any, counts: Any, at: Any) -> Any:
    """Read an int64, before everything read later; on x86, pause first."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if _PAUSES:
            kind = ir.FunctionType(ir.VoidType(), [])
            name = "llvm.x86.sse2.pause"
            builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [])
        place = _address(context, builder, signature.args[0], *args)
        return builder.load_atomic(place, "acquire", _ALIGNMENT)

    return types.int64(counts, types.int64), emit


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
        _add_one(counter, 0)  # type: ignore[call-arg]
        spins = 0
        while _load(counter, 0) < threads * (passed + 1):  # type: ignore[call-arg]
            spins += 1
            if spins > _SPINS:  # the others may be waiting for this very core
                _GIVE_WAY()
    return passed + 1


@numba.njit(cache=True)
def current_core():
    """Return the core that the calling thread runs on; -1 where the system does not say."""
    if _CORE is None:
        return -1
    return _CORE()


@numba.njit(cache=True, nogil=True)
def open_gate(gate, part):
    """Let the others begin: what the first thread does first in every kernel of a team."""
    if part == 0:
        _store(gate, 0, gate[0] + 1)  # type: ignore[call-arg]


@numba.njit(cache=True, nogil=True)
def pass_on(gate, pauses):
    """Let the others begin, and give them the time to take the interpreter lock and let it go."""
    _store(gate, 0, gate[0] + 1)  # type: ignore[call-arg]
    for _ in range(pauses):
        _load(gate, 0)  # type: ignore[call-arg]


@numba.njit(cache=True, nogil=True)
def watch(counts, first, order, tries):
    """Wait until all counts from ``first`` on have reached an order; return whether they have."""
    k = first
    for _ in range(tries):
        while k < counts.size and _load(counts, k) >= order:  # type: ignore[call-arg]
            k += 1
        if k == counts.size:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def report(done, part, order, gate, tries):
    """Say that a part of an order has ended; then `watch` the gate for the next order."""
    _store(done, part, order)  # type: ignore[call-arg]
    return watch(gate, 0, order + 1, tries)
