"""Which placements a plan tries: every combination of the values typed, or a set of its own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hetengine.config import RunConfig
from hetengine.errors import UsageError

MOST_CANDIDATES = 200
_DEFAULTS = {
    "solver.selection": ("gap", "sequential", "random", "host"),
    "solver.inner_epochs": ("2", "10"),
}
_RESERVED = ("mode", "progress", "hydra")

Candidate = tuple[str, ...]
"""Overrides that set one placement apart from the others."""


def split(words: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Tell fixed overrides from those with several values, as in ``--multirun``.

    Parameters
    ----------
    words : sequence of str
        Overrides; ``key=a,b`` and ``key=range(1,5)`` have several values.

    Returns
    -------
    list of str
        What holds for every candidate.
    list of list of str
        One list of overrides per key with several values.

    Raises
    ------
    UsageError
        If a word is no override, or sets what a plan sets itself.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        parsed = OverridesParser.create().parse_overrides(list(words))
    except HydraException as error:
        raise UsageError(f"plan: {' '.join(str(error).split())}") from error
    fixed, axes = [], []
    for word, override in zip(words, parsed, strict=True):
        key = override.get_key_element()
        if key.partition(".")[0].lstrip("+~") in _RESERVED:
            raise UsageError(f"plan: {word} is set by the plan itself; leave it out")
        if override.is_sweep_override():
            axes.append([f"{key}={value}" for value in override.sweep_string_iterator()])
        else:
            fixed.append(word)
    return fixed, axes


def default_axes(words: Sequence[str], config: RunConfig) -> list[list[str]]:
    """Return what is tried of its own accord: selection, inner epochs, sets of accelerators.

    Parameters
    ----------
    words : sequence of str
        Overrides typed; what they set is not varied.
    config : RunConfig
        The config they make.
    """
    choices = {key: list(values) for key, values in _DEFAULTS.items()}
    names = [spec.name for spec in config.topology.build().accelerators]
    if len(names) > 1:
        sets = [(name,) for name in names] + [tuple(names)]
        choices["topology.use"] = [f"[{','.join(each)}]" for each in sets]
    typed = {word.partition("=")[0].lstrip("+~") for word in words}
    return [
        [f"{key}={value}" for value in values]
        for key, values in choices.items()
        if key not in typed
    ]


def combine(axes: Sequence[Sequence[str]]) -> list[Candidate]:
    """Return every combination of one value per axis, the last axis fastest.

    What the host does alone does not depend on the accelerators, so it is tried once.

    Raises
    ------
    UsageError
        If there are more than `MOST_CANDIDATES`.
    """
    found: list[Candidate] = []
    for candidate in itertools.product(*axes):
        alone = "solver.selection=host" in candidate
        plain = tuple(
            word for word in candidate if not (alone and word.startswith("topology.use="))
        )
        if plain not in found:
            found.append(plain)
    if len(found) > MOST_CANDIDATES:
        raise UsageError(
            f"plan: {len(found)} placements are more than {MOST_CANDIDATES}; give fewer values"
        )
    return found
