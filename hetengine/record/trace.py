"""Spans and rows as Chrome trace events, for Perfetto and ``chrome://tracing``.

A process per device, a thread per queue, a slice per command, counters from the rows. Times are
whole nanoseconds written as microseconds, everything is sorted and nothing names a date or a
machine: equal spans give equal bytes.

References
----------
"Trace Event Format", the Chromium project: phases ``M`` (metadata), ``X`` (complete) and ``C``
(counter).
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from hetengine.record.metrics import MetricsRow, PathRow, Row
from hetengine.span import Span
from hetengine.tiers import Sample

Event = dict[str, Any]
COUNTERS = {"relative gap": "relative_gap", "resident columns": "resident_columns"}
PATH_COUNTERS = {"relative gap": "relative_gap", "nonzero": "n_nonzero"}
NET_COUNTERS = {
    "test accuracy": "test_accuracy",
    "test loss": "test_loss",
    "training loss": "train_loss",
    "learning rate": "learning_rate",
}


def write_trace(
    stream: TextIO,
    spans: Iterable[Span],
    rows: Iterable[Row],
    about: Mapping[str, Any],
    samples: Iterable[Sample] = (),
) -> None:
    """Write one trace file, an event per line.

    Parameters
    ----------
    stream : text file
        Where to write.
    spans : iterable of Span
        Commands, in any order.
    rows : iterable of MetricsRow or NetRow
        Certificates or evaluations.
    about : mapping
        What stands under ``otherData``: mode, seed, clock and the like.
    samples : iterable of Sample
        How full memory tiers were.
    """
    head = json.dumps(dict(about), sort_keys=True, allow_nan=False)
    stream.write(f'{{"displayTimeUnit": "ms", "otherData": {head}, "traceEvents": [')
    separator = "\n"
    for event in trace_events(spans, rows, samples):
        stream.write(separator + json.dumps(event, sort_keys=True, allow_nan=False))
        separator = ",\n"
    stream.write("\n]}\n")


def trace_events(
    spans: Iterable[Span], rows: Iterable[Row], samples: Iterable[Sample] = ()
) -> Iterator[Event]:
    """Yield all events: names first, then slices by queue, counters by round, and memory tiers."""
    lanes = _lanes(spans)
    pids = {device: 1 + k for k, device in enumerate(sorted({key[0] for key in lanes}))}
    yield {"ph": "M", "name": "process_name", "pid": 0, "tid": 0, "args": {"name": "run"}}
    for device, pid in pids.items():
        yield {"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": device}}
    for tid, (device, queue, slot) in enumerate(sorted(lanes)):
        name = queue if slot == 0 else f"{queue} {slot + 1}"
        place = {"pid": pids[device], "tid": tid}
        yield {"ph": "M", "name": "thread_name", **place, "args": {"name": name}}
        for span in lanes[device, queue, slot]:
            yield {**_slice(span), **place}
    for row in rows:
        yield from _counters(row)
    for sample in sorted(samples, key=lambda each: each.seconds):
        yield {
            "ph": "C",
            "name": f"{sample.tier} bytes",
            "pid": 0,
            "tid": 0,
            "ts": _nanoseconds(sample.seconds) / 1000,
            "args": {"bytes": sample.nbytes},
        }


def _lanes(spans: Iterable[Span]) -> dict[tuple[str, str, int], list[Span]]:
    """Put spans that overlap on one queue (shared links) into separate slots, first fit."""
    lanes: dict[tuple[str, str, int], list[Span]] = defaultdict(list)
    ends: dict[tuple[str, str], list[int]] = defaultdict(list)
    for span in sorted(spans, key=_order):
        start, end = _nanoseconds(span.start_seconds), _nanoseconds(span.end_seconds)
        busy = ends[span.device, span.queue]
        slot = next((k for k, until in enumerate(busy) if until <= start), len(busy))
        busy[slot : slot + 1] = [end]
        lanes[span.device, span.queue, slot].append(span)
    return lanes


def _order(span: Span) -> tuple[Any, ...]:
    """Total order of spans, so that the order of observation does not show."""
    work = span.work
    return (
        _nanoseconds(span.start_seconds),
        _nanoseconds(span.end_seconds),
        span.device,
        span.queue,
        span.label,
        span.category,
        span.direction,
        (work.flops, work.bytes_read, work.bytes_written, work.items),
    )


def _slice(span: Span) -> Event:
    """Return one complete event, without its place."""
    start, end = _nanoseconds(span.start_seconds), _nanoseconds(span.end_seconds)
    args: dict[str, Any] = {
        "bytes_read": span.work.bytes_read,
        "bytes_written": span.work.bytes_written,
        "category": span.category,
        "flops": span.work.flops,
        "items": span.work.items,
    }
    if span.direction:
        args["direction"] = span.direction
    if span.work.variant:
        args["variant"] = span.work.variant
    times = {"ts": start / 1000, "dur": (end - start) / 1000}
    return {"ph": "X", "name": span.label, "cat": span.category, "args": _plain(args), **times}


def _counters(row: Row) -> Iterator[Event]:
    """Yield the counters of one row; a value that is not finite has no place in a chart."""
    if isinstance(row, MetricsRow):
        counters, seconds = COUNTERS, row.seconds
    elif isinstance(row, PathRow):
        counters, seconds = PATH_COUNTERS, row.seconds_total
    else:
        counters, seconds = NET_COUNTERS, row.clock_seconds
    stamp = _nanoseconds(seconds) / 1000
    for name, key in counters.items():
        value = getattr(row, key)
        if math.isfinite(value):
            args = _plain({name: value})
            yield {"ph": "C", "name": name, "pid": 0, "tid": 0, "ts": stamp, "args": args}


def _plain(args: dict[str, Any]) -> dict[str, Any]:
    """Turn NumPy scalars into Python's, and whole floats into ints."""
    plain = {}
    for key, value in args.items():
        number = value.item() if hasattr(value, "item") else value
        whole = isinstance(number, float) and number.is_integer()
        plain[key] = int(number) if whole else number
    return plain


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)
