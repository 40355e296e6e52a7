"""Spans come out of the log as they went in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetengine.record.span_log import SpanLog
from hetengine.span import Span
from hetengine.work import Work

_SECONDS = st.floats(0, 1e6, allow_nan=False)
_AMOUNT = st.floats(0, 1e15, allow_nan=False)
_WORD = st.sampled_from(["", "host", "accelerator", "solve", "float32/svm"])
_WORK = st.builds(
    Work, _AMOUNT, _AMOUNT, _AMOUNT, st.integers(0, 2**62), _WORD, _WORD, _AMOUNT, _AMOUNT
)  # fmt: skip
_SPAN = st.builds(
    Span, _WORD, _WORD, _WORD, _WORD, _SECONDS, _SECONDS, _WORK, _WORD, st.none() | _SECONDS,
    _SECONDS, st.none() | _SECONDS,
)  # fmt: skip


@given(st.lists(_SPAN, max_size=8))
def test_what_went_in_comes_out(spans: list[Span]) -> None:
    log = SpanLog()
    for span in spans:
        log.append(span)
    assert list(log) == spans
    assert [log[k] for k in range(len(log))] == spans
    assert log[1:3] == spans[1:3]
    if spans:
        assert log[-1] == spans[-1]


def test_origin_is_taken_off_all_times() -> None:
    log = SpanLog()
    log.append(Span("host", "compute", "gaps", "refresh", 5.0, 7.0, Work(), "", 4.0, 0.5, 1.5), 4.0)
    (span,) = log
    assert (span.start_seconds, span.end_seconds, span.issued_seconds) == (1.0, 3.0, 0.0)
    assert (span.issue_seconds, span.busy_seconds) == (0.5, 1.5)


def test_cleared_log_is_empty_and_goes_on() -> None:
    log = SpanLog()
    span = Span("host", "compute", "gaps", "refresh", 0.0, 1.0, Work(1, 2, 3, 4))
    log.append(span)
    log.clear()
    assert len(log) == 0
    with pytest.raises(IndexError):
        log[0]
    log.append(span)
    assert list(log) == [span]


def test_logs_compare_by_their_spans() -> None:
    one, two = SpanLog(), SpanLog()
    span = Span("host", "compute", "gaps", "refresh", 0.0, 1.0, Work())
    one.append(span)
    assert one != two
    two.append(span)
    assert one == two
