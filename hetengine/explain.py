"""Whatever goes wrong on the command line, told in one line."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from hetengine.errors import HetengineError, did_you_mean

COMMANDS = ("doctor", "devices", "calibrate", "compare", "convert", "path", "plan", "resume")
"""First words that are commands rather than overrides."""

WRONG_USE = 2
FAILURE = 1
TRACEBACK = "HETENGINE_TRACEBACK"
"""Environment variable; 1 (as with Hydra's own HYDRA_FULL_ERROR) prints tracebacks."""


def complain(message: str) -> None:
    """Print one line on standard error."""
    sys.stderr.write(f"hetengine: {message}\n")


def show_traceback(error: BaseException) -> None:
    """Print the traceback too where the user has asked for it."""
    if os.environ.get(TRACEBACK) == "1":
        traceback.print_exception(error)


def exit_code(error: BaseException) -> int:
    """Return 2 where the user can mend it by typing something else, otherwise 1."""
    if isinstance(error, HetengineError):
        return error.exit_code
    usage = (HydraException, OmegaConfBaseException, FileNotFoundError, PermissionError)
    sizes_and_paths = (MemoryError, IsADirectoryError, NotADirectoryError, FileExistsError)
    return WRONG_USE if isinstance(error, (*usage, *sizes_and_paths)) else FAILURE


def explain(error: BaseException) -> str:
    """Return one line: what failed, the value, what is allowed.

    Parameters
    ----------
    error : BaseException
        From composing a config or from a job.

    Returns
    -------
    str
        A message without line breaks.
    """
    if isinstance(error, MissingConfigException):
        return _missing_option(error)
    if isinstance(error, OverrideParseException):
        return _unreadable(error)
    if isinstance(error, OmegaConfBaseException):
        return _wrong_value(error)
    if isinstance(error, ConfigCompositionException) and str(error).startswith("In '"):
        return _not_fitting(error)
    cause = error.__cause__
    if isinstance(error, HydraException) and isinstance(cause, OmegaConfBaseException):
        return _wrong_value(cause)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    text = one_line(error)
    if isinstance(error, MemoryError):
        return f"not enough memory here: {text}; ask for fewer rows or columns"
    expected = HetengineError | HydraException | OSError
    return text if isinstance(error, expected) else f"{type(error).__name__}: {text}"


def one_line(error: BaseException) -> str:
    """Return the message of an error on one line, or its type where it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def _missing_option(error: MissingConfigException) -> str:
    group, _, option = (error.missing_cfg_file or "").rpartition("/")
    if not group or not error.options:
        return one_line(error)
    return f"{group}={option} does not exist; {did_you_mean(option, error.options)}"


def _not_fitting(error: ConfigCompositionException) -> str:
    """Tell of an option whose keys the other choices do not have."""
    cause = error.__context__
    option = str(error).partition("'")[2].partition("'")[0]
    if not isinstance(cause, OmegaConfBaseException):
        return one_line(error)
    group, _, name = option.rpartition("/")
    return f"{group}={name} does not go with the other choices: {_wrong_value(cause)}"


def _unreadable(error: OverrideParseException) -> str:
    word = error.override
    if "=" in word:
        detail = error.message.splitlines()[1:2] or [""]
        return f"cannot read {word!r} ({detail[0]}); put values with special characters in quotes"
    if word in COMMANDS:
        return f"{word!r} is a command and comes first: hetengine {word} ..., see hetengine --help"
    hint = did_you_mean(word, COMMANDS)
    return f"{word!r} is neither key=value nor a command; {hint} or KEY=VALUE, see --help"


def _wrong_value(error: OmegaConfBaseException) -> str:
    key = error.full_key or ""
    if isinstance(error, ConfigAttributeError | ConfigKeyError):
        return f"unknown key {key}; {did_you_mean(error.key, _siblings(error))}"
    what = str(error).splitlines()[0]
    return f"{key}: {what}" if key else what


def _siblings(error: OmegaConfBaseException) -> list[str]:
    """Return the keys that stand beside an unknown one."""
    parent: Any = error.parent_node
    return [str(key) for key in parent if key != "hydra"] if parent is not None else []
