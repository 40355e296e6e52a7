"""Two traces in one file, aligned at the start: two groups of processes in Perfetto."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TextIO

from hetengine.compare.read import RunRecord

Event = dict[str, Any]
_GROUP = 1000  # process numbers of the second run start here


def write_merged(stream: TextIO, a: RunRecord, b: RunRecord) -> None:
    """Write both traces, an event per line.

    Parameters
    ----------
    stream : text file
        Where to write.
    a, b : RunRecord
        The runs; processes are named after them.
    """
    about = {"a": f"{a.name} ({a.mode})", "b": f"{b.name} ({b.mode})"}
    head = json.dumps(about, sort_keys=True)
    stream.write(f'{{"displayTimeUnit": "ms", "otherData": {head}, "traceEvents": [')
    separator = "\n"
    for event in merged_events(a, b):
        stream.write(separator + json.dumps(event, sort_keys=True, allow_nan=False))
        separator = ",\n"
    stream.write("\n]}\n")


def merged_events(a: RunRecord, b: RunRecord) -> Iterator[Event]:
    """Yield the events of both runs with process numbers and names of their own.

    Parameters
    ----------
    a, b : RunRecord
        The runs.
    """
    for letter, shift, run in (("A", 0, a), ("B", _GROUP, b)):
        for event in run.events:
            moved = {**event, "pid": event["pid"] + shift}
            if event["ph"] == "M" and event["name"] == "process_name":
                name = f"{letter} {run.mode}: {event['args']['name']}"
                yield {**moved, "args": {"name": name}}
                order = {"sort_index": moved["pid"]}
                yield {**moved, "name": "process_sort_index", "args": order}
            else:
                yield moved
