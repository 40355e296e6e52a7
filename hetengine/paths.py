"""Where the shipped configs lie."""

from __future__ import annotations

from pathlib import Path


def conf_dir() -> str:
    """Return the folder of the shipped configs.

    Returns
    -------
    str
        Inside the package when installed from a wheel, beside it in a checkout.
    """
    packaged = Path(__file__).with_name("conf")
    return str(packaged if packaged.is_dir() else packaged.parent.parent / "conf")
