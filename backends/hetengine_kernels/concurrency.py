"""How many coordinates an asynchronous epoch works on at once.

Updates that do not see each other are safe for about n / rho coordinates at once, rho the largest
eigenvalue of the normalised Gram matrix (Shotgun, Bradley et al. 2011); nobody knows rho. So the
number is found as a network finds its rate: doubled while the gaps met fall, halved when they rise,
then raised in small steps.
"""

from __future__ import annotations

import math

_START = 32
_RISE = 1.1
_STEP_SHARE = 8


class Concurrency:
    """A limit that follows the gaps met.

    Parameters
    ----------
    most : int
        Limit of the device.

    Attributes
    ----------
    now : int
        The limit at present.
    settled : bool
        Whether it has stopped doubling.

    Examples
    --------
    >>> limit = Concurrency(100)
    >>> limit.heed(8.0); limit.heed(4.0); limit.now
    64
    >>> limit.heed(9.0); limit.now
    32
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._last = math.nan
        self.now = min(_START, most)
        self.settled = self.now == most

    def heed(self, met: float) -> None:
        """Take in the mean gap met in a pass.

        A rise may also come from columns that were swapped in; backing off then costs a little
        speed and is made up for in the passes that follow.
        """
        last, self._last = self._last, met
        if math.isnan(last):
            return
        if not met <= _RISE * last:
            self.now = max(1, self.now // 2)
            self.settled = True
        elif self.settled:
            self.now = min(self._most, self.now + max(1, self.now // _STEP_SHARE))
        else:
            self.now = min(self._most, 2 * self.now)
            self.settled = self.now == self._most
