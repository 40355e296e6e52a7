"""From what a config names to a model."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from hetengine.errors import UsageError, did_you_mean
from hetengine.nets.config import NetConfig
from hetengine.nets.layers import Layer
from hetengine.nets.model import Model
from hetengine.nets.models import MODELS
from hetengine.nets.net import Net


def make_model(config: NetConfig, input_shape: tuple[int, ...], classes: int) -> Model:
    """Return the model a config names, for data of a shape.

    Parameters
    ----------
    config : NetConfig
        A model of `hetengine.nets.models`, or a function of one's own: it is called with the input
        shape, the number of classes and the width, and returns a sequence of layers, or a whole
        `hetengine.nets.model.Model` such as a PyTorch module's.
    input_shape : tuple of int
        ``(channels, height, width)`` or ``(features,)``.
    classes : int
        Number of classes.

    Raises
    ------
    UsageError
        If the function cannot be found, takes other arguments or returns something else, or the
        layers do not fit.
    """
    build, given = find_builder(config.model), (input_shape, classes, config.width)
    _check_arguments(config.model, build, given)
    made = build(*given)
    if isinstance(made, Sequence):
        return Net(config.name, made, input_shape, classes)
    if not hasattr(made, "place"):
        raise UsageError(
            f"problem.model={config.model!r} returned {type(made).__name__}; it must return a "
            "sequence of layers of hetengine.nets, or a hetengine.nets.Model"
        )
    if made.input_shape != input_shape or made.classes != classes:
        raise UsageError(
            f"problem.model={config.model!r} returned a model for inputs of shape "
            f"{made.input_shape} and {made.classes} classes; the data have {input_shape} and "
            f"{classes}"
        )
    return made


def _check_arguments(model: str, build: Callable[..., Any], given: tuple[Any, ...]) -> None:
    """Refuse a function that cannot be called with what every one is given."""
    try:
        inspect.signature(build).bind(*given)
    except TypeError as error:
        raise UsageError(
            f"problem.model={model!r}: {error}; it is called as function(input_shape, classes, "
            "width) and returns layers of hetengine.nets, or a hetengine.nets.Model"
        ) from error
    except ValueError:  # written in C without a signature: the call itself will tell
        return


def find_builder(model: str) -> Callable[[tuple[int, ...], int, float], Sequence[Layer] | Model]:
    """Return the function a model's name stands for.

    Parameters
    ----------
    model : str
        See `NetConfig`.

    Raises
    ------
    UsageError
        If there is no such module or function.
    """
    if model in MODELS:
        return MODELS[model]
    module_name, _, function_name = model.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise UsageError(
            f"problem.model={model!r}: cannot import {module_name!r} ({error}); it must be on the "
            "path, for instance by PYTHONPATH=."
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        names = [name for name, value in vars(module).items() if callable(value)]
        raise UsageError(
            f"problem.model={model!r}: {module_name} has no function {function_name!r}; "
            f"{did_you_mean(function_name, names)}"
        )
    return function  # type: ignore[return-value]
