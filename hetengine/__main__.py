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


COMMANDS: dict[str, Callable[[], int]] = {"doctor": _doctor, "devices": _devices}


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


if __name__ == "__main__":
    raise SystemExit(main())
