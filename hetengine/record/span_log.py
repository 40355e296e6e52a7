"""Spans in a fifth of the memory objects take: a run of hours observes millions of them."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from typing import overload

from hetengine.span import Span
from hetengine.work import Work

_WORDS, _NUMBERS = 7, 10
_UNKNOWN = math.nan


class SpanLog(Sequence[Span]):
    """Spans in the order in which they were added; each is made anew when it is asked for.

    Words are kept once and numbers in arrays: about 100 bytes a span.

    Examples
    --------
    >>> log = SpanLog()
    >>> log.append(Span("host", "compute", "gaps", "refresh", 2.0, 3.0, Work(items=5)), 2.0)
    >>> (span,) = log
    >>> span.start_seconds, span.end_seconds, span.work.items
    (0.0, 1.0, 5)
    """

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._texts: list[str] = []
        self._words = array("I")
        self._numbers = array("d")
        self._items = array("q")

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Span]:
        return map(self._at, range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Span: ...

    @overload
    def __getitem__(self, index: slice) -> list[Span]: ...

    def __getitem__(self, index: int | slice) -> Span | list[Span]:
        if isinstance(index, slice):
            return [self._at(k) for k in range(*index.indices(len(self)))]
        return self._at(range(len(self))[index])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SpanLog) and len(self) == len(other) and list(self) == list(other)

    def append(self, span: Span, origin_seconds: float = 0.0) -> None:
        """Add a span.

        Parameters
        ----------
        span : Span
        origin_seconds : float
            Taken off its times.
        """
        work, word, issued = span.work, self._word, span.issued_seconds
        self._words.extend((
            word(span.device), word(span.queue), word(span.label), word(span.category),
            word(span.direction), word(work.variant), word(work.reads),
        ))  # fmt: skip
        self._numbers.extend((
            span.start_seconds - origin_seconds, span.end_seconds - origin_seconds,
            _UNKNOWN if issued is None else issued - origin_seconds, span.issue_seconds,
            _UNKNOWN if span.busy_seconds is None else span.busy_seconds,
            work.flops, work.bytes_read, work.bytes_written, work.footprint, work.reach,
        ))  # fmt: skip
        self._items.append(int(work.items))

    def clear(self) -> None:
        """Forget all spans."""
        del self._words[:], self._numbers[:], self._items[:]

    def _word(self, text: str) -> int:
        code = self._known.get(text)
        if code is None:
            code = self._known[text] = len(self._texts)
            self._texts.append(text)
        return code

    def _at(self, k: int) -> Span:
        codes = self._words[_WORDS * k : _WORDS * (k + 1)]
        device, queue, label, category, direction, variant, reads = map(
            self._texts.__getitem__, codes
        )
        numbers = self._numbers[_NUMBERS * k : _NUMBERS * (k + 1)]
        start, end, issued, issue, busy, flops, read, written, footprint, reach = numbers
        work = Work(flops, read, written, self._items[k], variant, reads, footprint, reach)
        return Span(
            device, queue, label, category, start, end, work, direction,
            None if math.isnan(issued) else issued, issue, None if math.isnan(busy) else busy,
        )  # fmt: skip
