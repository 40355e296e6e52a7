"""By how much a machine has become slower or faster since it was calibrated, as costs feel it.

A shared machine changes from hour to hour. What a refresh has found stays beside the calibration as
factors, by device, kernel, lag and link; a launch takes its calibrated time times the factor.
"""

from __future__ import annotations

from dataclasses import fields, replace

from hetengine.calibrate.spec import Calibration, Dispatch
from hetengine.sim.cost.local import Local
from hetengine.topology import LinkSpec
from hetengine.work import Work


def kernels_key(device: str) -> str:
    """Return the key of a device's kernels, all together."""
    return f"devices.{device}.kernels"


def kernel_key(device: str, kernel: str) -> str:
    """Return the key of one kernel of a device.

    Examples
    --------
    >>> kernel_key("card", "dense_epoch")
    'devices.card.kernels.dense_epoch'
    """
    return f"{kernels_key(device)}.{kernel}"


def dispatch_key(host: str) -> str:
    """Return the key of the program: what handing over commands takes."""
    return f"devices.{host}.dispatch"


def lag_key(device: str, lag: str) -> str:
    """Return the key of one of the times between commands of a device.

    Examples
    --------
    >>> lag_key("card", "relay_seconds")
    'devices.card.dispatch.relay_seconds'
    """
    return f"{dispatch_key(device)}.{lag}"


def link_key(link: str) -> str:
    """Return the key of a link."""
    return f"links.{link}"


class Drift:
    """Factors of a refresh; all of them 1 where there has been none.

    Parameters
    ----------
    calibration : Calibration, optional
        Of the topology.

    Examples
    --------
    >>> from hetengine.calibrate.spec import Refresh
    >>> found = {"devices.card.kernels": [1.1, 1.0, 1.2]}
    >>> about = Calibration("2026-11-21", "here", refresh=Refresh("2026-11-22", found))
    >>> Drift(about).kernel("card", "dense_epoch"), Drift(about).kernel("host", "dense_gaps")
    (1.1, 1.0)
    """

    def __init__(self, calibration: Calibration | None = None) -> None:
        refresh = None if calibration is None else calibration.refresh
        self._factors = (
            {} if refresh is None else {key: values[0] for key, values in refresh.drift.items()}
        )
        self._lines = {} if refresh is None else refresh.classes
        self._local: dict[str, Local] = {}

    def kernel(self, device: str, kernel: str) -> float:
        """Return the factor of a kernel: its own, that of its device, or 1."""
        whole = self._factors.get(kernels_key(device), 1.0)
        return self._factors.get(kernel_key(device, kernel), whole)

    def local(self, device: str, key: str, work: Work, reuse_bytes: float) -> float:
        """Return the factor of launches of about this size beside that of the kernel.

        Parameters
        ----------
        device, key : str
            Device, and kernel with its variant; see `hetengine.sim.cost.lookup.key_of`.
        work : Work
            The launch.
        reuse_bytes : float
            Bytes since what it reads was used last.
        """
        whole = kernel_key(device, key)
        if whole not in self._lines:
            return 1.0
        if whole not in self._local:
            self._local[whole] = Local(self._lines[whole])
        return self._local[whole].factor(work, reuse_bytes)

    def program(self, host: str) -> float:
        """Return the factor of handing over commands."""
        return self._factors.get(dispatch_key(host), 1.0)

    def dispatch(self, times: Dispatch, device: str) -> Dispatch:
        """Return the times between commands of a device as they are now."""
        return Dispatch(
            **{
                each.name: self._factors.get(lag_key(device, each.name), 1.0)
                * getattr(times, each.name)
                for each in fields(times)
            }
        )

    def link(self, link: LinkSpec) -> LinkSpec:
        """Return a link as it is now: slower in rate and in latency."""
        factor = self._factors.get(link_key(link.name), 1.0)
        if factor == 1.0:
            return link
        both = link.duplex_bytes_per_second
        return replace(
            link,
            up_bytes_per_second=link.up_bytes_per_second / factor,
            down_bytes_per_second=link.down_bytes_per_second / factor,
            duplex_bytes_per_second=None if both is None else both / factor,
            latency_seconds=factor * link.latency_seconds,
        )
