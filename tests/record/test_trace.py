from __future__ import annotations

import io
import itertools
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetengine.record.metrics import MetricsRow
from hetengine.record.trace import write_trace
from hetengine.span import Span
from hetengine.work import Work

ABOUT = {"mode": "simulate", "seed": 7, "clock": "virtual"}


def text_of(spans: list[Span], rows: list[MetricsRow]) -> str:
    stream = io.StringIO()
    write_trace(stream, spans, rows, ABOUT)
    return stream.getvalue()


def events_of(spans: list[Span], rows: list[MetricsRow], phase: str) -> list[dict[str, Any]]:
    events = json.loads(text_of(spans, rows))["traceEvents"]
    return [event for event in events if event["ph"] == phase]


def test_bytes_do_not_depend_on_the_order_of_observation(
    spans: list[Span], rows: list[MetricsRow]
) -> None:
    shuffled = spans.copy()
    random.Random(1).shuffle(shuffled)
    assert shuffled != spans
    assert text_of(shuffled, rows) == text_of(spans, rows)


def test_every_event_has_what_the_format_asks_for(
    spans: list[Span], rows: list[MetricsRow]
) -> None:
    document = json.loads(text_of(spans, rows))
    assert document["otherData"] == ABOUT
    for event in document["traceEvents"]:
        assert {"ph", "name", "pid", "tid", "args"} <= event.keys()
        if event["ph"] in "XC":
            assert event["ts"] >= 0
        if event["ph"] == "X":
            assert event["dur"] >= 0
    assert len(events_of(spans, rows, "X")) == len(spans)


def test_devices_are_processes_and_queues_are_threads(
    spans: list[Span], rows: list[MetricsRow]
) -> None:
    names = [event["args"]["name"] for event in events_of(spans, rows, "M")]
    assert names == ["run", "card", "host", "compute", "down", "up", "up 2", "compute"]


def test_times_are_whole_nanoseconds_in_microseconds(
    spans: list[Span], rows: list[MetricsRow]
) -> None:
    epoch = next(e for e in events_of(spans, rows, "X") if e["name"] == "epoch")
    assert (epoch["ts"], epoch["dur"]) == (250_000.0, 750_000.4)
    assert epoch["args"] == {
        "bytes_read": 2_000_000,
        "bytes_written": 8,
        "category": "solve",
        "flops": 1_000_000_000,
        "items": 100,
    }


def test_counters_leave_out_what_is_not_finite(spans: list[Span], rows: list[MetricsRow]) -> None:
    counters = [(event["ts"], event["args"]) for event in events_of(spans, rows, "C")]
    assert counters == [
        (0.0, {"resident columns": 0}),
        (1e6, {"relative gap": 2e-3}),
        (1e6, {"resident columns": 5}),
    ]


def test_not_a_number_in_the_header_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_trace(io.StringIO(), [], [], {"seed": float("nan")})


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10)), max_size=30))
def test_slices_of_one_thread_never_overlap(times: list[tuple[float, float]]) -> None:
    spans = [
        Span("card", "up", "columns", "swap", min(pair), max(pair), Work(), "up") for pair in times
    ]
    slices = events_of(spans, [], "X")
    assert len(slices) == len(spans)
    slices.sort(key=lambda event: (event["tid"], event["ts"], event["ts"] + event["dur"]))
    for _, lane in itertools.groupby(slices, key=lambda event: event["tid"]):
        for before, after in itertools.pairwise(lane):
            assert before["ts"] + before["dur"] <= after["ts"] + 1e-6
