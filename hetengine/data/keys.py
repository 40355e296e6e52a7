"""Checks that all ``data`` groups share: known names, known words, no key without effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from hetengine.errors import UsageError, did_you_mean


class Named(Protocol):
    """A config of a data set.

    Attributes
    ----------
    name : str
        Which data set.
    """

    name: str


def check_words(config: Named, names: Sequence[str], choices: Mapping[str, Sequence[str]]) -> None:
    """Refuse a data set or a word that there is not.

    Parameters
    ----------
    config : Named
        What the user asked for.
    names : sequence of str
        Data sets there are.
    choices : mapping of str to sequence of str
        Words allowed by key.

    Raises
    ------
    UsageError
        With the nearest that is allowed.
    """
    if config.name not in names:
        raise UsageError(f"data.name={config.name!r}; {did_you_mean(config.name, names)}")
    for key, allowed in choices.items():
        value = getattr(config, key)
        if value not in allowed:
            raise UsageError(f"data.{key}={value!r}; {did_you_mean(value, allowed)}")


def check_applies(config: Named, applies: Mapping[str, Sequence[str]]) -> None:
    """Refuse a key that is set and would do nothing.

    Parameters
    ----------
    config : Named
        What the user asked for.
    applies : mapping of str to sequence of str
        The data sets that each key belongs to; a key without an entry belongs to all.

    Raises
    ------
    UsageError
        With the data sets it belongs to.
    """
    default = type(config)()
    for key, names in applies.items():
        if getattr(config, key) != getattr(default, key) and config.name not in names:
            raise UsageError(
                f"data.{key}={getattr(config, key)} does nothing with data={config.name}; "
                f"leave it out (it belongs to: {', '.join(names)})"
            )
