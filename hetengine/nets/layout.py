"""Where each parameter and running statistic lies in a net's flat vectors, and how it begins."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from hetengine.nets.planes import round_up

#: Pieces begin at multiples of this many elements: 256 bytes in float32, 512 in float64, as
#: `hetengine.device.Buffer.section` wants it and alike in both.
PIECE_ALIGNMENT = 64

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


@dataclass(frozen=True, slots=True)
class Piece:
    """One array within a flat vector.

    Attributes
    ----------
    name : str
        For instance ``conv1.weight``.
    offset : int
        First element.
    shape : tuple of int
        Extents.
    draw : callable
        Its initial values, float64, from a generator and the shape.
    """

    name: str
    offset: int
    shape: tuple[int, ...]
    draw: Draw

    @property
    def size(self) -> int:
        """Elements."""
        return math.prod(self.shape)


class Layout:
    """Pieces of a flat vector, in order; the gaps between them are padding and hold zeros."""

    def __init__(self) -> None:
        self._pieces: list[Piece] = []

    def add(self, name: str, shape: tuple[int, ...], draw: Draw) -> Piece:
        """Append a piece at the next aligned element."""
        piece = Piece(name, self.length, shape, draw)
        self._pieces.append(piece)
        return piece

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """All of them, in order."""
        return tuple(self._pieces)

    @property
    def count(self) -> int:
        """Elements without padding."""
        return sum(piece.size for piece in self._pieces)

    @property
    def length(self) -> int:
        """Elements of the flat vector."""
        if not self._pieces:
            return 0
        last = self._pieces[-1]
        return round_up(last.offset + last.size, PIECE_ALIGNMENT)

    def initial(self, rng: np.random.Generator, dtype: DTypeLike) -> np.ndarray:
        """Draw every piece, in order and in float64, and round to a type."""
        flat = np.zeros(self.length)
        for piece in self._pieces:
            flat[piece.offset : piece.offset + piece.size] = piece.draw(rng, piece.shape).reshape(
                -1
            )
        return flat.astype(dtype)

    def arrays(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        """Return the pieces of a flat vector by name, as views.

        Parameters
        ----------
        flat : ndarray, shape (length,)
            Parameters, gradients, momentum or statistics.
        """
        return {
            piece.name: flat[piece.offset : piece.offset + piece.size].reshape(piece.shape)
            for piece in self._pieces
        }


def zeros(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return zeros."""
    return np.zeros(shape)


def ones(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return ones."""
    return np.ones(shape)


def zeros_and_ones(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return means of 0 and variances of 1: running statistics that have seen nothing."""
    values = np.zeros(shape)
    values[1] = 1.0
    return values


def xavier_uniform(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw weights (outputs, inputs, ...) from U(-b, b), b = sqrt(6 / (fan in + fan out)).

    Glorot & Bengio, AISTATS 2010, equation 16.
    """
    taps = math.prod(shape[2:])
    bound = math.sqrt(6.0 / ((shape[0] + shape[1]) * taps))
    return rng.uniform(-bound, bound, shape)


def uniform_bias(fan_in: int) -> Draw:
    """Return a draw from U(-b, b), b = 1 / sqrt(fan in), as PyTorch begins its biases."""
    bound = 1.0 / math.sqrt(fan_in)
    return lambda rng, shape: rng.uniform(-bound, bound, shape)
