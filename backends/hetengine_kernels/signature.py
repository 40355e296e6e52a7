"""Kernel signatures, read from the source: one truth for argument types, whoever launches."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

_KERNEL = re.compile(r"^KERNEL\s+void\s+(\w+)\s*\((.*?)\)\s*\{", re.MULTILINE | re.DOTALL)
_PARAMETER = re.compile(r"^(GLOBAL\s+)?(const\s+)?(\w+)\s*(\*)?\s*(?:RESTRICT\s+)?(\w+)$")
_FIXED = {
    "INDEX": np.dtype(np.int64),
    "SEED": np.dtype(np.uint64),
    "UINT": np.dtype(np.uint32),
    "BYTE": np.dtype(np.uint8),
    "int": np.dtype(np.int32),
    "float": np.dtype(np.float32),
    "double": np.dtype(np.float64),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a kernel.

    Attributes
    ----------
    name : str
        As in the source.
    kind : str
        ``REAL``, ``SCALAR``, ``INDEX``, ``SEED``, ``UINT``, ``BYTE``, ``int``, ``float`` or
        ``double``.
    pointer : bool
        Whether it is an array in device memory.
    offset_of : str
        For the first element of a section: the array it belongs to; otherwise empty.
    """

    name: str
    kind: str
    pointer: bool
    offset_of: str = ""

    def dtype(self, real: np.dtype, scalar: np.dtype) -> np.dtype:
        """Return the element type, given what REAL and SCALAR were built as."""
        return {"REAL": real, "SCALAR": scalar}.get(self.kind) or _FIXED[self.kind]


@dataclass(frozen=True, slots=True)
class Signature:
    """Name and parameters of one kernel.

    Attributes
    ----------
    name : str
        As in the source.
    parameters : tuple of Parameter
        In order. ``NAME_at`` after an array NAME is the element its section begins at, and is
        filled in by the launcher.
    """

    name: str
    parameters: tuple[Parameter, ...]

    @property
    def arguments(self) -> tuple[Parameter, ...]:
        """The parameters a caller gives."""
        return tuple(each for each in self.parameters if not each.offset_of)


def parse(source: str) -> dict[str, Signature]:
    """Read the signatures of all kernels of a source.

    Parameters
    ----------
    source : str
        In the house's style: ``KERNEL void name(...)`` at the start of a line.

    Raises
    ------
    ValueError
        If a parameter has a type that launchers do not know.

    Examples
    --------
    >>> found = parse("KERNEL void twice(GLOBAL const REAL *x, INDEX x_at, int count) { }")
    >>> [p.name for p in found["twice"].arguments]
    ['x', 'count']
    """
    return {
        name: Signature(name, _parameters(name, text)) for name, text in _KERNEL.findall(source)
    }


def _parameters(kernel: str, text: str) -> tuple[Parameter, ...]:
    found: list[Parameter] = []
    for piece in text.split(","):
        words = " ".join(piece.split())
        match = _PARAMETER.match(words)
        if match is None or match[3] not in {*_FIXED, "REAL", "SCALAR"}:
            raise ValueError(f"kernel {kernel}: cannot read the parameter {words!r}")
        name, pointer = match[5], match[4] == "*"
        before = found[-1].name if found and found[-1].pointer else None
        offset_of = before if before is not None and name == f"{before}_at" else ""
        found.append(Parameter(name, match[3], pointer, offset_of))
    return tuple(found)
