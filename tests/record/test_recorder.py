from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from hetengine.record.metrics import MetricsRow, Row
from hetengine.record.recorder import Recorder
from hetengine.span import Span


class Shown:
    def __init__(self) -> None:
        self.what: list[object] = []

    def row(self, row: Row) -> None:
        self.what.append(row)

    def message(self, text: str) -> None:
        self.what.append(text)

    def close(self) -> None:
        self.what.append("closed")


def test_bytes_and_phases_add_up(spans: list[Span]) -> None:
    recorder = Recorder()
    for span in spans:
        recorder.observe(span)
    recorder.phase("load", 2.0)
    recorder.phase("load", 1.0)
    assert (recorder.bytes_up, recorder.bytes_down) == (3000, 1000)
    phases = recorder.phases()
    assert list(phases) == ["load", "refresh", "solve", "swap"]
    assert phases["load"] == 3.0
    assert phases["swap"] == pytest.approx(1.0)


def test_nothing_is_lost_between_threads(spans: list[Span]) -> None:
    recorder = Recorder()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(recorder.observe, spans * 200))
    assert len(recorder.spans) == len(spans) * 200
    assert recorder.bytes_up == 3000 * 200


def test_rows_and_messages_are_shown_as_they_come(rows: list[MetricsRow]) -> None:
    shown = Shown()
    recorder = Recorder(shown)
    recorder.row(rows[0])
    recorder.log("the objective rose")
    recorder.row(rows[1])
    assert shown.what == [rows[0], "the objective rose", rows[1]]
    assert recorder.rows == rows
    assert recorder.messages == ["the objective rose"]
