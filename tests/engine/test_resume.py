"""A run of a net that is interrupted goes on from its checkpoint: command line and Python."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import hetengine
from hetengine.__main__ import main
from hetengine.errors import DataError, UsageError
from hetengine.record.checkpoint import Checkpoint, read_checkpoint
from hetengine.record.net_monitor import NetMonitor
from hetengine.record.write import CHECKPOINT, FILES
from hetengine.solvers.local_sgd.state import State

WORDS = ["experiment=digits_nets", "mode=simulate", "progress=none", "solver.target_accuracy=null"]
SAVED = [*WORDS, "solver.epochs=3", "solver.checkpoint_epochs=0.7"]


def interrupted(monkeypatch: pytest.MonkeyPatch, words: list[str], after: int) -> int:
    """Run a command that is stopped, as Ctrl-C does, once it has written so many checkpoints."""
    write, written = NetMonitor.checkpoint, []

    def stop(self: NetMonitor, state: State) -> None:
        write(self, state)
        written.append(state)
        if len(written) == after:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(NetMonitor, "checkpoint", stop)
        return main(words)


def rows(directory: Path) -> list[dict[str, str]]:
    """Metrics but for the columns of time and bytes: some things have to be sent again."""
    with (directory / "metrics.csv").open(newline="") as stream:
        found = list(csv.DictReader(stream))
    return [
        {key: row[key] for key in row if "seconds" not in key and "bytes" not in key}
        for row in found
    ]


@pytest.mark.parametrize("method", ["biased_measured", "biased_released", "fednova", "fast_hard"])
def test_an_interrupted_run_goes_on_to_the_same_end(
    method: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    words = [*SAVED, f"baseline={method}"]
    assert main([*words, f"hydra.run.dir={whole}"]) == 0
    assert interrupted(monkeypatch, [*words, f"hydra.run.dir={part}"], 2) == 130
    told = capsys.readouterr().err
    assert told == f"hetengine: interrupted; go on with: hetengine resume {part}\n"
    assert [path.name for path in part.iterdir()] == [CHECKPOINT]
    done = read_checkpoint(part).state.rounds
    assert main(["resume", str(part)]) == 0
    assert sorted(path.name for path in part.iterdir()) == sorted([*FILES, CHECKPOINT])
    with np.load(whole / "model.npz") as right, np.load(part / "model.npz") as found:
        for name in right:
            np.testing.assert_array_equal(found[name], right[name], name)
    assert rows(part) == rows(whole)
    summary = json.loads((part / "summary.json").read_text())
    assert 0 < summary["resumed_at_round"] == done < summary["rounds"]
    assert last(part).state.arrays().keys() == last(whole).state.arrays().keys()
    np.testing.assert_array_equal(last(part).state.momentum, last(whole).state.momentum)


def last(directory: Path) -> Checkpoint:
    return read_checkpoint(directory)


def test_a_finished_run_goes_on_elsewhere_with_other_settings(tmp_path: Path) -> None:
    first, more = tmp_path / "first", tmp_path / "more"
    words = [*WORDS, "solver.epochs=2", "solver.checkpoint_seconds=1000", f"hydra.run.dir={first}"]
    part = hetengine.run(words)
    with pytest.raises(UsageError, match=r"already holds a run .* choose another hydra\.run\.dir"):
        hetengine.resume(first)
    changes = ["solver.epochs=3", "solver.schedule.learning_rate=0.01", f"hydra.run.dir={more}"]
    result = hetengine.resume(first, changes)
    assert result.status == "finished"
    assert result.directory == more
    assert result.rounds > part.rounds
    # As text, where NaN is NaN.
    assert repr(result.metrics[: len(part.metrics)]) == repr(part.metrics)
    assert result.metrics[-1].clock_seconds > part.metrics[-1].clock_seconds
    assert result.metrics[-1].bytes_host_to_device > part.metrics[-1].bytes_host_to_device


REFUSED = {
    "seed=1": "seed=1: a run that goes on keeps its seed",
    "problem=mlp": "takes key=value only",
    "+solver.tau=1": "takes key=value only",
    "solver.epoks=3": "unknown key solver.epoks; did you mean 'epochs'?",
    "solver.epochs=0": "solver.epochs=0 must be finite and at least 1",
    "data.limit=3": "keeps its data",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "run"
    hetengine.run([*SAVED, "max_rounds=3", f"hydra.run.dir={folder}"])
    return folder


@pytest.mark.parametrize("word", REFUSED)
def test_what_cannot_change_is_refused_on_one_line(finished: Path, word: str) -> None:
    with pytest.raises(UsageError) as caught:
        hetengine.resume(finished, [word])
    assert REFUSED[word] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_or_damaged_checkpoint_is_refused(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no checkpoint\.npz; a run of a net writes one with"):
        hetengine.resume(tmp_path)
    whole = (finished / CHECKPOINT).read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], whole[:-30], b"nothing of the kind"):
        (tmp_path / CHECKPOINT).write_bytes(damaged)
        with pytest.raises(DataError, match=r"checkpoint\.npz is damaged or of another version"):
            hetengine.resume(tmp_path)


def test_a_new_run_does_not_take_the_place_of_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*SAVED, f"hydra.run.dir={tmp_path}"]
    assert interrupted(monkeypatch, words, 1) == 130
    capsys.readouterr()
    assert main(words) == 2
    assert "holds the checkpoint of a run; go on with: hetengine resume" in capsys.readouterr().err


def test_checkpoints_need_a_place_and_something_to_save(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="checkpoints need a place"):
        hetengine.run(SAVED)
    with pytest.raises(UsageError, match="mode=dry has nothing to save"):
        hetengine.run([*SAVED, "mode=dry", f"hydra.run.dir={tmp_path}"])


def test_an_unfinished_write_leaves_the_checkpoint_before_it(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / CHECKPOINT).write_bytes((finished / CHECKPOINT).read_bytes())
    kept = read_checkpoint(tmp_path)

    def fail(stream, **arrays) -> None:
        stream.write(b"half of it")
        raise OSError("the disk is full")

    from hetengine.record.checkpoint import write_checkpoint

    with monkeypatch.context() as patched:
        patched.setattr(np, "savez", fail)
        with pytest.raises(OSError, match="the disk is full"):
            write_checkpoint(tmp_path, kept)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]
    np.testing.assert_array_equal(read_checkpoint(tmp_path).state.losses, kept.state.losses)
