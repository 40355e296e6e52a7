"""The benchmark of the CPU backends, at its smallest; its numbers mean nothing here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.nets.backends import GOAL, Row, main, report


def test_it_measures_prints_and_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    out = tmp_path / "found.md"
    words = ["--batches", "2", "--rounds", "1", "--steps", "1", "--out", str(out)]
    assert main(words) in (0, 1)
    text = out.read_text()
    assert capsys.readouterr().out.strip() == text.strip()
    assert text.count("\n| 2 | ") == 1


def test_the_report_tells_times_and_rates() -> None:
    row = Row(32, {"numpy": 0.1, "opencl": 0.12}, 1.2)
    assert "| 32 | 100.0 | 120.0 | 1.20 | 320 | 267 |" in report([row], 1)
    assert str(GOAL) in report([row], 1)
