"""Checks of what the functions of `hetengine` are called with, before anything is composed."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from hetengine.errors import UsageError
from hetengine.nets.models import MODELS
from hetengine.tuning.config import PathConfig

_RUN = "hetengine.run([...])"


def whole(name: str, value: Any) -> int:
    """Return an argument that has to be a whole number.

    Parameters
    ----------
    name : str
        Of the argument.
    value : object
        What was given.

    Raises
    ------
    UsageError
        If it is none.
    """
    if not isinstance(value, Integral):
        raise UsageError(f"{name}={value!r} must be a whole number, for instance {name}=2")
    return int(value)


def number(name: str, value: Any) -> float:
    """Return an argument that has to be a number.

    Parameters
    ----------
    name : str
        Of the argument.
    value : object
        What was given.

    Raises
    ------
    UsageError
        If it is none.
    """
    if not isinstance(value, Real):
        raise UsageError(f"{name}={value!r} must be a number, for instance {name}=1e-3")
    return float(value)


def numbers(name: str, values: Any) -> list[float] | None:
    """Return an argument that has to be a sequence of numbers, or None.

    Parameters
    ----------
    name : str
        Of the argument.
    values : object
        What was given.

    Raises
    ------
    UsageError
        If it is neither.
    """
    if values is None:
        return None
    hint = f"give a list of numbers, for instance {name}=[0.1, 0.01]"
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise UsageError(f"{name}={values!r} is no list; {hint}")
    given = list(values)
    for value in given:
        if not isinstance(value, Real):
            raise UsageError(f"{name}: {value!r} is no number; {hint}")
    return [float(value) for value in given]


def words_of(overrides: Any) -> tuple[str, ...]:
    """Return overrides as words.

    Parameters
    ----------
    overrides : object
        What was given.

    Raises
    ------
    UsageError
        If it is no sequence of strings.
    """
    if isinstance(overrides, str) or not isinstance(overrides, Iterable):
        raise UsageError(f"overrides={overrides!r} is no list; type overrides=['tol=1e-6'], say")
    words = tuple(overrides)
    for word in words:
        if not isinstance(word, str):
            raise UsageError(f"overrides: {word!r} is no string; type 'tol=1e-6', say")
    return words


def words_beside_arrays(overrides: Any) -> tuple[str, ...]:
    """Return overrides as words, none of which the arrays given with them would make void.

    Parameters
    ----------
    overrides : object
        What was given.

    Raises
    ------
    UsageError
        If it is no sequence of strings, or one names data or asks for files.
    """
    words = words_of(overrides)
    for word in words:
        group = word.lstrip("+~").partition("=")[0].partition(".")[0]
        if group == "data":
            raise UsageError(
                f"overrides: {word} has no effect beside arrays; leave it out, or call {_RUN}"
            )
        if group == "hydra":
            raise UsageError(
                f"overrides: {word} has no effect, no files are written for arrays in memory; "
                f"leave it out, or call {_RUN}"
            )
    return words


def check_linear(problem: Any) -> None:
    """Refuse the name of a net where a linear model is trained.

    Parameters
    ----------
    problem : object
        What was given.

    Raises
    ------
    UsageError
        With the function that trains nets.
    """
    if str(problem) in MODELS:
        raise UsageError(
            f"problem={problem} is a net; call hetengine.train({problem!r}, images, labels)"
        )


def check_net(model: Any) -> None:
    """Refuse what is neither a net nor a name.

    Parameters
    ----------
    model : object
        What was given.

    Raises
    ------
    UsageError
        With what could have been.
    """
    if not isinstance(model, str) and not hasattr(model, "place"):
        raise UsageError(
            f"model of type {type(model).__name__} is no net; give a name such as 'cnn', a "
            "hetengine.nets.Net, or a hetengine_torch.TorchModel made of a PyTorch module"
        )


def check_single(path: PathConfig | None) -> None:
    """Refuse strengths to follow where one model is trained.

    Parameters
    ----------
    path : PathConfig or None
        Of the composed config.

    Raises
    ------
    UsageError
        With the functions that follow them.
    """
    if path is not None:
        raise UsageError(
            "overrides: fit trains one model; call hetengine.path or hetengine.cross_validate"
        )
