from __future__ import annotations

import io
from dataclasses import replace

import pytest

from hetengine.record.goal import GapGoal, fraction_done
from hetengine.record.metrics import MetricsRow
from hetengine.record.progress import Live, Plain, Silent, make_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def rounds(text: str) -> list[str]:
    return [line.split()[1] for line in text.splitlines()]


def test_plain_lines_are_throttled_but_the_first_and_the_last_are_there(
    rows: list[MetricsRow],
) -> None:
    stream, times = io.StringIO(), iter([0.0, 0.1, 0.2, 0.6, 0.7, 0.8])
    plain = Plain(stream, monotonic=lambda: next(times))
    for number in range(6):
        plain.row(replace(rows[1], round=number))
    assert rounds(stream.getvalue()) == ["0", "3"]
    plain.close()
    plain.close()
    assert rounds(stream.getvalue()) == ["0", "3", "5"]


def test_the_last_line_is_not_told_twice(rows: list[MetricsRow]) -> None:
    stream = io.StringIO()
    plain = Plain(stream)
    plain.row(rows[1])
    plain.close()
    assert len(stream.getvalue().splitlines()) == 1


def test_messages_are_never_held_back() -> None:
    stream = io.StringIO()
    plain = Plain(stream)
    plain.message("a")
    plain.message("b")
    assert stream.getvalue() == "a\nb\n"


@pytest.mark.parametrize(
    ("kind", "stream", "expected"),
    [
        ("none", Terminal(), Silent),
        ("plain", Terminal(), Plain),
        ("auto", io.StringIO(), Plain),
        ("auto", Terminal(), Live),
        ("rich", io.StringIO(), Live),
    ],
)
def test_the_display_follows_config_and_terminal(
    kind: str, stream: io.StringIO, expected: type
) -> None:
    progress = make_progress(kind, GapGoal(1e-4), stream)
    progress.close()
    assert type(progress) is expected


def test_the_live_line_survives_infinite_gaps(rows: list[MetricsRow]) -> None:
    stream = Terminal()
    live = Live(stream, GapGoal(1e-4))
    for row in rows:
        live.row(row)
    live.message("a [bold] word")
    live.close()
    assert "a [bold] word" in stream.getvalue()


@pytest.mark.parametrize(
    ("first", "now", "expected"),
    [
        (1.0, float("nan"), 0.0),
        (1.0, float("inf"), 0.0),
        (1.0, 2.0, 0.0),
        (1.0, 1e-5, 1.0),
        (0.0, 1e-5, 1.0),
        (0.0, 0.0, 1.0),
    ],
)
def test_the_bar_stays_between_empty_and_full(first: float, now: float, expected: float) -> None:
    assert fraction_done(first, now, 1e-4) == expected
