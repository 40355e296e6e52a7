"""A pretended machine in place of CuPy, with its rules checked at the end of every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hetengine_cupy import cuda
from tests.cupy.fake_cupy import make_cupy
from tests.cupy.fake_machine import Machine


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Two GPUs of 64 MiB; afterwards nothing may be pending, pinned, current or broken."""
    pretended = Machine(devices=2)
    fake = make_cupy(pretended)
    monkeypatch.setattr(cuda, "load", lambda: fake)
    yield pretended
    assert pretended.violations == []
    pretended.check_idle()
    assert pretended.registered == {}
    assert pretended.stack == [0]
