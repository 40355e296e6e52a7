"""``hetengine resume DIR``: a run of a net goes on from its last checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hetengine.errors import UsageError
from hetengine.net_result import NetResult
from hetengine.record.checkpoint import read_checkpoint
from hetengine.record.recorder import Recorder
from hetengine.tool import ToolParser, answer

_ABOUT = """\
Go on with a run of a net that was interrupted, from the last checkpoint in its directory; runs
write one with solver.checkpoint_epochs=1 or solver.checkpoint_seconds=60. Files are written there
too; of a run that has finished, hydra.run.dir=OTHER says where. Settings may change, for instance
solver.epochs=200 or solver.schedule.learning_rate=0.01; problem, data, seed and precision stay.
"""
_RUN_DIR = "hydra.run.dir="


def main(words: Sequence[str]) -> int:
    """Run the command.

    Parameters
    ----------
    words : sequence of str
        What was typed after ``hetengine resume``.

    Returns
    -------
    int
        The exit code, that of a run.
    """

    def run() -> int:
        from hetengine import cli

        parser = ToolParser("resume", _ABOUT)
        parser.add_argument("directory", type=Path, help="of the run")
        parser.add_argument(
            "overrides", nargs="*", default=[], metavar="KEY=VALUE", help="what is to change"
        )
        options = parser.parse_args(list(words))
        before = read_checkpoint(options.directory)
        directory, overrides = _place(options.directory, options.overrides)
        settings = before.settings(overrides)

        def job(recorder: Recorder) -> NetResult:
            from hetengine.engine import net

            return net.run(settings, recorder, before=before)

        return cli.carry_out(settings, directory, overrides, job)[0]

    return answer(run)


def resume(directory: Path | str, overrides: Sequence[str] = ()) -> NetResult:
    """Go on with a run of a net from its last checkpoint, and write its files.

    Parameters
    ----------
    directory : path
        Of the run; it has been given ``solver.checkpoint_epochs`` or ``solver.checkpoint_seconds``.
    overrides : sequence of str
        Settings that are to change, as ``key=value``; with ``hydra.run.dir=OTHER`` the files go
        there, which a finished run needs.

    Returns
    -------
    NetResult
        Of the whole run: its history includes what was before.

    Raises
    ------
    UsageError
        If there is no checkpoint, or an override is wrong.
    DataError
        If the checkpoint is damaged.

    Examples
    --------
    >>> import tempfile, hetengine
    >>> words = ["experiment=digits_nets", "mode=simulate", "progress=none", "max_rounds=20"]
    >>> folder = tempfile.mkdtemp()
    >>> words += [f"hydra.run.dir={folder}/part", "solver.checkpoint_epochs=1"]
    >>> hetengine.run(words).status
    'max_rounds'
    >>> more = ["max_rounds=null", f"hydra.run.dir={folder}/whole"]
    >>> hetengine.resume(f"{folder}/part", more).status
    'target_accuracy'
    """
    from hetengine.api import recorded
    from hetengine.engine import net

    before = read_checkpoint(directory)
    place, words = _place(Path(directory), overrides)
    settings = before.settings(words)
    return recorded(
        settings, lambda recorder: net.run(settings, recorder, before=before), str(place)
    )


def _place(directory: Path, overrides: Sequence[str]) -> tuple[Path, list[str]]:
    """Return where files go, and the other overrides."""
    places = [word.removeprefix(_RUN_DIR) for word in overrides if word.startswith(_RUN_DIR)]
    if len(places) > 1:
        raise UsageError(f"{_RUN_DIR} is given {len(places)} times; give it once")
    others = [word for word in overrides if not word.startswith(_RUN_DIR)]
    return Path(places[0]) if places else directory, others
