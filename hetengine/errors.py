"""Every error a user can cause, each with its exit code.

A message says what failed, the value seen, what is allowed and what to type next; the command line
prints it on one line without a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HetengineError(Exception):
    """Base of all errors raised on purpose by hetengine.

    Attributes
    ----------
    exit_code : int
        What the command line returns: 2 for wrong use, 1 for a failure.
    """

    exit_code = 1


class UsageError(HetengineError):
    """The request itself is wrong: a key, a value, or a combination that cannot work."""

    exit_code = 2


class DataError(UsageError):
    """A data file or array cannot be used; the message names file and line where there is one."""


class OutOfCapacity(UsageError):
    """A memory tier cannot hold what was asked of it; nothing has been allocated."""


class BackendUnavailable(UsageError):
    """A backend was asked for by name and cannot run here; the message says what to install."""


class DeviceFailure(HetengineError):
    """A device raised while it ran a command; the cause is chained.

    Parameters
    ----------
    message : str
        What happened.
    device : str
        Which one; empty where no device of the machine is meant.
    """

    def __init__(self, message: str, device: str = "") -> None:
        # Both in ``args``: SimPy makes a new exception from them for each process that waits.
        super().__init__(message, device)

    @property
    def device(self) -> str:
        """Name of the device in the topology."""
        return str(self.args[1])

    def blame(self, device: str) -> None:
        """Say which device it was, unless that is known."""
        self.args = (str(self), self.device or device)

    def __str__(self) -> str:
        return str(self.args[0])


def did_you_mean(value: object, allowed: Iterable[str]) -> str:
    """Return a phrase that lists the allowed words, the closest one first named.

    Parameters
    ----------
    value : object
        What the user wrote.
    allowed : iterable of str
        What could have been written.

    Returns
    -------
    str
        For instance ``"did you mean 'lasso'? allowed: lasso, ridge, svm"``.

    Examples
    --------
    >>> did_you_mean("laso", ["lasso", "ridge"])
    "did you mean 'lasso'? allowed: lasso, ridge"
    >>> did_you_mean("zzz", ["lasso", "ridge"])
    'allowed: lasso, ridge'
    """
    words = [str(word) for word in allowed]
    listing = f"allowed: {', '.join(words)}"
    close = difflib.get_close_matches(str(value), words, n=1)
    return f"did you mean '{close[0]}'? {listing}" if close else listing
