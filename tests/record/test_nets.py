"""Rows of nets: lines, goals, counters, CSV."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from hetengine.api import compose
from hetengine.record.goal import EpochGoal, GapGoal, goal_of
from hetengine.record.metrics import NET_COLUMNS, NetRow, write_metrics
from hetengine.record.progress import Live, describe
from hetengine.record.trace import write_trace

ROW = NetRow(
    round=3,
    seconds=1.5,
    wall_seconds=2.5,
    samples=600,
    passes=1.5,
    paper_epoch=2.0,
    train_loss=0.25,
    test_loss=0.5,
    test_accuracy=0.875,
    learning_rate=0.1,
    workers=2,
    clock_seconds=2.0,
)


def test_a_row_is_one_line() -> None:
    assert describe(ROW) == (
        "round 3  1.50 s  epoch 2  passes 1.5  training loss 0.2500  test loss 0.5000  "
        "accuracy 0.8750  lr 0.1"
    )


def test_rows_read_back() -> None:
    stream = io.StringIO()
    write_metrics(stream, [ROW], NET_COLUMNS)
    (read,) = csv.DictReader(io.StringIO(stream.getvalue()))
    assert tuple(read) == NET_COLUMNS
    assert float(read["test_accuracy"]) == 0.875


@pytest.mark.parametrize(
    ("goal", "row", "expected"),
    [
        (EpochGoal(4, True, None), ROW, 0.5),
        (EpochGoal(4, False, None), ROW, 0.375),
        (EpochGoal(1, False, None), ROW, 1.0),
        (EpochGoal(4, False, 0.9), ROW, 0.375),
        (EpochGoal(4, False, 0.8), ROW, 1.0),
    ],
)
def test_the_bar_follows_epochs_and_ends_at_the_target(
    goal: EpochGoal, row: NetRow, expected: float
) -> None:
    assert goal.fraction_done(row) == expected


def test_goals_follow_the_config() -> None:
    assert isinstance(goal_of(compose([])), GapGoal)
    assert isinstance(goal_of(compose(["experiment=digits_nets"])), EpochGoal)


def test_the_live_line_shows_rows_of_nets() -> None:
    stream = io.StringIO()
    live = Live(stream, EpochGoal(4, False, None))
    live.row(ROW)
    live.row(replace(ROW, paper_epoch=float("nan")))
    live.close()


def test_counters_stand_where_the_clock_stood() -> None:
    stream = io.StringIO()
    write_trace(stream, [], [ROW, replace(ROW, train_loss=float("nan"))], {})
    events = json.loads(stream.getvalue())["traceEvents"]
    counters = [(e["name"], e["ts"], e["args"]) for e in events if e["ph"] == "C"]
    assert len(counters) == 7
    assert counters[0] == ("test accuracy", 2e6, {"test accuracy": 0.875})
    assert {name for name, _, _ in counters} == {
        *("test accuracy", "test loss"),
        *("training loss", "learning rate"),
    }
