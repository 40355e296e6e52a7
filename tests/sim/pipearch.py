"""Published timings of PipeArch, and the topology of its two boards.

K. Kara and G. Alonso, *PipeArch: Generic and Context-Switch Capable Data Processing on FPGAs*; the
numbers are in the authors' repository PipeArch, apps/glm/sw/spreadsheets (commit ee1294f). One
engine; VU9P reads from one of its four DDR4 banks, HARP2 over the link to the Xeon.
"""

from __future__ import annotations

from dataclasses import dataclass

SAMPLES, EPOCHS = 131_072, 20
FEATURES = (32, 64, 128, 256, 512, 1024)
LINE_BYTES = 64


@dataclass(frozen=True)
class Board:
    """One board: logistic SGD at six widths, and two data sets that no fit has seen.

    Attributes
    ----------
    clock_hz : float
        Nominal clock of the engines.
    banks : int
        Independent memory banks.
    sgd_seconds : tuple of float
        SAMPLES x EPOCHS samples of FEATURES single-precision features.
    held_out : dict
        Samples, features and seconds per epoch.
    scd_gigabytes : dict of int to float
        GB/s of stochastic coordinate descent on KDD2 (131329 x 2330) by engines.
    lasso_gigabytes : dict of int to float
        The same on 16 features: not used for any fit.
    """

    clock_hz: float
    banks: int
    sgd_seconds: tuple[float, ...]
    held_out: dict[str, tuple[int, int, float]]
    scd_gigabytes: dict[int, float]
    lasso_gigabytes: dict[int, float]


BOARDS = {
    "harp2": Board(
        2e8,
        1,
        (0.09677, 0.115198, 0.150594, 0.222274, 0.368925, 0.717897),
        {"SYN": (524_288, 1024, 0.149103), "MUSIC": (448_000, 90, 0.0214319)},
        {1: 12.5, 2: 17.3},
        {1: 10.1, 2: 14.0},
    ),
    "vu9p": Board(
        2e8,
        4,
        (0.154491, 0.184284, 0.243956, 0.362313, 0.600189, 1.074),
        {"SYN": (524_288, 1024, 0.209163), "MUSIC": (448_000, 90, 0.0340484)},
        {1: 12.0, 2: 23.1, 4: 44.7},
        {1: 9.0, 2: 16.8, 4: 31.1},
    ),
}
