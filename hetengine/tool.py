"""What the commands with arguments of their own have in common: errors on one line, exit codes."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from hetengine.errors import UsageError, did_you_mean
from hetengine.explain import WRONG_USE, complain, exit_code, explain, show_traceback

_UNKNOWN = "unrecognized arguments: "


class ToolParser(argparse.ArgumentParser):
    """A parser whose errors are one line.

    Parameters
    ----------
    tool : str
        The command, for instance ``compare``.
    about : str
        What ``--help`` says before the arguments.
    """

    def __init__(self, tool: str, about: str) -> None:
        super().__init__(
            f"hetengine {tool}",
            description=about,
            formatter_class=argparse.RawTextHelpFormatter,
            allow_abbrev=False,
        )
        self._tool = tool

    def error(self, message: str):
        """Raise instead of printing the usage.

        Raises
        ------
        UsageError
            With the message, and a flag's nearest neighbour.
        """
        if message.startswith(_UNKNOWN):
            flag = message.removeprefix(_UNKNOWN).split()[0]
            message = f"unknown {flag}; {did_you_mean(flag, self._option_string_actions)}"
        raise UsageError(f"{self._tool}: {message}; see hetengine {self._tool} --help")


def answer(action: Callable[[], int | None]) -> int:
    """Run a command; tell an error in one line.

    Parameters
    ----------
    action : callable
        Returns an exit code, or None for 0.

    Returns
    -------
    int
        The exit code: that of the action, or of what it raised.
    """
    try:
        return action() or 0
    except SystemExit as stop:  # argparse has printed its help
        return stop.code if isinstance(stop.code, int) else WRONG_USE
    except Exception as error:
        complain(explain(error))
        show_traceback(error)
        return exit_code(error)
