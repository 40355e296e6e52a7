"""Fixtures every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes is the machine's affair, here as in all tests.
settings.register_profile("hetengine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hetengine")

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of the real data sets beside the checkout; skips, loudly, where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the real data sets are absent: expected shared/data beside the checkout")
    return SHARED
