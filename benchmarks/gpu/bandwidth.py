"""How fast the kernels read: gap passes and epochs against a copy within the GPU's memory."""

from __future__ import annotations

import statistics

import numpy as np

from benchmarks.gpu.bench import REPETITIONS, Bench, opened
from hetengine.device import Buffer
from hetengine.problems import Kind
from hetengine.threaded import COMPUTE
from hetengine.work import Work
from hetengine_cupy.device import CupyKernel
from hetengine_cupy.timing import Stopwatch

ROW = dict[str, str | float]
LENGTH = 4096
LAM = 1e-3
_DENSITY = 0.02


def measure(nbytes: int) -> list[ROW]:
    """Measure on a matrix of about this many bytes; rates in bytes per second, read and written."""
    count = max(nbytes // (4 * LENGTH), 64)
    with opened() as bench:
        copy = _device_copy(bench, count * LENGTH * 4)
        rows = [_row("device copy, read and written", copy, copy)]
        rows.append(_row("dense gaps, read", _dense_gaps(bench, count), copy))
        rows.append(_row("sparse gaps, read", _sparse_gaps(bench, count), copy))
    for solver in ("async", "tile"):
        with opened({"block_solver": solver}) as bench:
            rate, at_once = _epoch(bench, count)
        name = f"dense epoch, {solver}{f' {at_once} at once' if solver == 'async' else ''}, read"
        rows.append(_row(name, rate, copy))
    return rows


def _row(name: str, rate: float, copy: float) -> ROW:
    return {"what": name, "bytes_per_second": rate, "of_copy": rate / copy}


def _device_copy(bench: Bench, nbytes: int) -> float:
    card = bench.card.card
    stream, runtime = card.streams[COMPUTE], card.cupy.cuda.runtime
    source, target = (bench.card.alloc(name, nbytes, np.uint8) for name in ("from", "to"))
    watch, times = Stopwatch(card, stream), []
    to, fro = target.array.data.ptr, source.array.data.ptr
    with card.current():
        for _ in range(REPETITIONS + 1):
            watch.start()
            runtime.memcpyAsync(to, fro, nbytes, runtime.memcpyDeviceToDevice, stream.ptr)
            watch.end()
            times.append(watch.wait())
    for buffer in (source, target):
        bench.card.free(buffer)
    return 2 * nbytes / statistics.median(times[1:])


def _terms(bench: Bench, count: int) -> list[Buffer]:
    """Alpha, p and q of that many examples of a linear support vector machine."""
    labels = np.where(np.arange(count) % 2, 1.0, -1.0).astype(np.float32)
    weights = np.full(count, 1.0 / count, np.float32)
    named = {"alpha": np.zeros(count, np.float32), "p": labels, "q": weights}
    return [bench.put(name, values) for name, values in named.items()]


def _dense_gaps(bench: Bench, count: int) -> float:
    values = bench.filled("values", (count, LENGTH))
    ids, w = bench.put("ids", np.arange(count)), bench.put("w", np.zeros(LENGTH, np.float32))
    out = [bench.card.alloc(name, count, np.float32) for name in ("u", "gap")]
    args = (values, ids, w, *_terms(bench, count), int(Kind.HINGE), 0.0, *out)
    kernel = bench.card.load("dense_gaps")
    seconds = bench.seconds(lambda: bench.card.launch(kernel, args, Work()))
    bench.card.free(values)
    return values_bytes(count) / seconds


def _sparse_gaps(bench: Bench, count: int) -> float:
    size = max(int(_DENSITY * LENGTH), 1)
    columns, rng = count * LENGTH // (2 * size), np.random.default_rng(1)
    values = bench.filled("values", (columns * size,))
    # Each column's rows ascend, as a matrix of examples has them.
    steps = rng.integers(1, LENGTH // size, size=(min(columns, 4096), size), dtype=np.uint32)
    pattern = np.cumsum(steps, axis=1, dtype=np.uint32).ravel()
    indices = bench.put("indices", np.resize(pattern, columns * size))
    starts = bench.put("starts", np.arange(columns, dtype=np.int64) * size)
    lens = bench.put("lens", np.full(columns, size, np.int32))
    ids, w = bench.put("ids", np.arange(columns)), bench.put("w", np.zeros(LENGTH, np.float32))
    out = [bench.card.alloc(name, columns, np.float32) for name in ("u", "gap")]
    args = (values, indices, starts, lens, ids, w, *_terms(bench, columns))
    kernel, rest = bench.card.load("sparse_gaps"), (int(Kind.HINGE), 0.0, *out)
    seconds = bench.seconds(lambda: bench.card.launch(kernel, (*args, *rest), Work()))
    return 8.0 * columns * size / seconds


def _epoch(bench: Bench, count: int) -> tuple[float, int]:
    """Bytes of columns visited per second, steps included, and coordinates worked on at once."""
    values = bench.filled("values", (count, LENGTH), LENGTH**-0.5)
    alpha, p, q = _terms(bench, count)
    h = bench.put("h", np.full(count, 1.0 / LAM, np.float32))
    gap, w = (bench.card.alloc(name, size, np.float32) for name, size in _sizes(count))
    order = bench.put("order", np.arange(count, dtype=np.int32))
    kernel = bench.card.load("dense_epoch")
    args = (values, order, alpha, h, p, q, gap, w, int(Kind.HINGE), 1.0 / LAM, 1.0, 0.0, 1)
    # Asynchronous descent doubles its concurrency from epoch to epoch at first.
    seconds = bench.seconds(lambda: bench.card.launch(kernel, args, Work()), warm_up=8)
    assert isinstance(kernel, CupyKernel)
    return values_bytes(count) / seconds, kernel.recipe.concurrency.now


def _sizes(count: int) -> tuple[tuple[str, int], tuple[str, int]]:
    return ("gap", count), ("w", LENGTH)


def values_bytes(count: int) -> float:
    """Bytes of that many dense columns."""
    return 4.0 * count * LENGTH
