"""The kernel sources: which files make a program, with their headers put in place."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from hetengine_kernels.signature import Signature, parse

NET_PROGRAMS = ("net_conv", "net_grad", "net_norm", "net_planes", "net_rows")
"""Programs of the kernels of nets."""

PROGRAMS = {name: f"{name}.c" for name in ("common", "dense", "tile", "sparse", *NET_PROGRAMS)}
"""Programs by name, with their source file; each is compiled on its own."""

_INCLUDE = re.compile(r'^#include "(\w+\.h)"\n', re.MULTILINE)


@cache
def _text(name: str) -> str:
    return resources.files("hetengine_kernels").joinpath("source", name).read_text("utf-8")


@cache
def program_source(program: str) -> str:
    """Return the text of a program with every header put in place once.

    Parameters
    ----------
    program : str
        A key of `PROGRAMS`.

    Examples
    --------
    >>> "#include" in program_source("dense")
    False
    """
    seen: set[str] = set()

    def put(name: str) -> str:
        def include(match: re.Match[str]) -> str:
            if match[1] in seen:
                return ""
            seen.add(match[1])
            return put(match[1])

        return _INCLUDE.sub(include, _text(name))

    return put(PROGRAMS[program])


@cache
def signatures(program: str) -> dict[str, Signature]:
    """Return the kernels of a program by name."""
    return parse(_text(PROGRAMS[program]))


@cache
def program_of(kernel: str) -> str:
    """Return the program a kernel belongs to.

    Raises
    ------
    KeyError
        If there is no kernel of that name.
    """
    for program in PROGRAMS:
        if kernel in signatures(program):
            return program
    raise KeyError(kernel)
