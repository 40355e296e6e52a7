"""The ``hetengine`` command: subcommands that start at once, and everything else for Hydra."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand or, by default, a training run.

    Parameters
    ----------
    argv : sequence of str, optional
        Words after the command; those of the process by default.

    Returns
    -------
    int
        The exit code.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words == ["--version"]:
        return _version()
    if words and words[0] in COMMANDS:
        return _command(words[0], words[1:])
    if words and words[0] in TOOLS:
        return _tool(words[0], words[1:])
    from hetengine import cli

    return cli.main(words)


def _doctor() -> int:
    """Check the installation, backend by backend; exit code 1 if a check fails."""
    from hetengine.doctor import doctor

    return doctor()


def _devices() -> int:
    """List the devices that topologies can name."""
    from hetengine.doctor import devices

    return devices()


def _version() -> int:
    from hetengine import __version__

    sys.stdout.write(f"hetengine {__version__}\n")
    return 0


def _calibrate(words: list[str]) -> int:
    """Measure this machine into a topology file."""
    from hetengine.calibrate import command

    return command.main(words)


def _compare(words: list[str]) -> int:
    """Tell two runs apart: where the time went in each, and by how much they differ."""
    from hetengine.compare import command

    return command.main(words)


def _plan(words: list[str]) -> int:
    """Simulate placements, rank them by the time they need, and run the best."""
    from hetengine.plan import command

    return command.main(words)


def _path(words: list[str]) -> int:
    """Train for falling strengths of the penalty, and choose one by cross-validation."""
    from hetengine.tuning import command

    return command.main(words)


def _resume(words: list[str]) -> int:
    """Go on with a run of a net from its last checkpoint."""
    from hetengine import resuming

    return resuming.main(words)


def _convert(words: list[str]) -> int:
    """Write data to a column store on disk, or verify one."""
    from hetengine.store import command

    return command.main(words)


COMMANDS: dict[str, Callable[[], int]] = {"doctor": _doctor, "devices": _devices}
TOOLS: dict[str, Callable[[list[str]], int]] = {
    "calibrate": _calibrate,
    "compare": _compare,
    "convert": _convert,
    "path": _path,
    "plan": _plan,
    "resume": _resume,
}
"""Commands with arguments of their own, ``--help`` among them."""


def _command(name: str, rest: list[str]) -> int:
    command = COMMANDS[name]
    if rest in (["--help"], ["-h"]):
        sys.stdout.write(f"hetengine {name}: {command.__doc__}\n")
        return 0
    if rest:
        sys.stderr.write(f"hetengine: {name} takes no arguments, got {' '.join(rest)}\n")
        return 2
    try:
        return command()
    except KeyboardInterrupt:
        sys.stderr.write("hetengine: interrupted\n")
        return 130


def _tool(name: str, rest: list[str]) -> int:
    try:
        return TOOLS[name](rest)
    except KeyboardInterrupt as stop:
        sys.stderr.write(f"hetengine: {str(stop) or 'interrupted'}\n")
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
