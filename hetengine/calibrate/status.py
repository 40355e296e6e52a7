"""How far a simulated run can be trusted: is its topology measured, here, and lately?"""

from __future__ import annotations

from datetime import UTC, datetime

from hetengine.calibrate.host import this_host
from hetengine.calibrate.spec import Calibration
from hetengine.errors import UsageError

CALIBRATED, STALE, FOREIGN, UNCALIBRATED = "CALIBRATED", "STALE", "FOREIGN", "UNCALIBRATED"
MOST_DAYS = 30
"""Age after which a calibration is stale."""


def judge(
    calibration: Calibration | None, host: str | None = None, now: datetime | None = None
) -> tuple[str, str]:
    """Return how a topology's calibration stands, and a line to show.

    Parameters
    ----------
    calibration : Calibration or None
        Of the topology.
    host : str, optional
        Fingerprint to compare with; that of this machine by default.
    now : datetime, optional
        With a time zone; the present by default.

    Returns
    -------
    status : str
        ``UNCALIBRATED``, ``FOREIGN``, ``STALE`` or ``CALIBRATED``; the first that is true.
    detail : str
        Why, and what to type.

    Raises
    ------
    UsageError
        If the date cannot be read.
    """
    if calibration is None:
        return UNCALIBRATED, "rates are assumed or from data sheets; run hetengine calibrate"
    day = _date(calibration.date)
    days = ((now or datetime.now(UTC)) - day).days
    measured = f"measured {day:%Y-%m-%d}, {days} days ago"
    since = _since(calibration)
    if calibration.host != (host or this_host().fingerprint):
        place = calibration.cpu or calibration.host
        return FOREIGN, f"{measured} on another machine ({place}, {calibration.cores} cores){since}"
    if days > MOST_DAYS:
        return STALE, f"{measured}{since}; run hetengine calibrate again"
    return CALIBRATED, f"{measured} on this machine{since}"


def _since(calibration: Calibration) -> str:
    """Say what the last refresh found of whole devices and links; nothing if there was none."""
    refresh = calibration.refresh
    if refresh is None:
        return ""
    said = [f"{what} x{factor:.2f}" for what, factor in refresh.wholes.items()]
    return f"; refreshed {_date(refresh.date):%Y-%m-%d %H:%M} UTC ({', '.join(said)})"


def _date(text: str) -> datetime:
    try:
        day = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"topology: calibration.date={text!r} must be ISO 8601, for instance "
            "2026-11-21T12:00:00+00:00"
        ) from error
    return day if day.tzinfo is not None else day.replace(tzinfo=UTC)
