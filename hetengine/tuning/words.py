"""What is typed about paths: naming a key of theirs asks for one."""

from __future__ import annotations

from collections.abc import Sequence

_OPTIONS = {"path": "path=grid", "cv": "cv=kfold"}


def completed(words: Sequence[str], *, path: bool = False) -> list[str]:
    """Return overrides with the groups that their keys belong to.

    Parameters
    ----------
    words : sequence of str
        Overrides and flags.
    path : bool
        Whether a path is asked for anyway.

    Examples
    --------
    >>> completed(["problem=lasso", "path.points=50"])
    ['path=grid', 'problem=lasso', 'path.points=50']
    """
    places = [k for k, word in enumerate(words) if "=" in word and not word.startswith("-")]
    keys = {words[k].partition("=")[0].lstrip("+~") for k in places}
    groups = {key.partition("@")[0].partition(".")[0] for key in keys}
    asked = {"path"} | groups if path or "cv" in groups else groups
    added = [option for group, option in _OPTIONS.items() if group in asked and group not in keys]
    first = places[0] if places else len(words)  # overrides have to stand side by side
    return [*words[:first], *added, *words[first:]]
