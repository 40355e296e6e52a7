"""Everything here needs PyTorch; where it is absent that is said, not hidden."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason='PyTorch is not installed: pip install "hetengine[torch]"')
