"""Which machine this is: enough to notice that a calibration came from another one."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

_GIBIBYTE = 1 << 30


@dataclass(frozen=True, slots=True)
class Host:
    """A machine, as far as its speed goes.

    Attributes
    ----------
    cpu : str
        Model of the processor.
    cores : int
        Cores this process may use.
    memory_bytes : int
        Main memory.
    """

    cpu: str
    cores: int
    memory_bytes: int

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits; memory counts in whole GiB, as kernels keep back some."""
        memory = round(self.memory_bytes / _GIBIBYTE)
        text = f"{self.cpu}|{self.cores}|{memory}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def this_host() -> Host:
    """Return the machine this process runs on."""
    return Host(_cpu(), _cores(), _memory_bytes())


def cache_bytes() -> tuple[int, ...]:
    """Return the sizes of the caches behind a core's first, where the system tells.

    Each core has one of its own of the second level; the last level is shared.
    """
    found: dict[int, int] = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            level = int((folder / "level").read_text(encoding="ascii"))
            size = (folder / "size").read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue
        unit = {"K": 10, "M": 20}.get(size[-1:])
        if level > 1 and unit is not None and size[:-1].isdigit():
            found[level] = int(size[:-1]) << unit
    return tuple(found[level] for level in sorted(found))


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _cpu() -> str:
    """Return the processor's name, family and model, where the system tells."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    found = [
        match.group(1).strip()
        for key in ("model name", "cpu family", "model", "stepping")
        if (match := re.search(rf"^{key}\s*:\s*(.*)$", text, flags=re.MULTILINE)) is not None
    ]
    return " ".join(found) or platform.machine()


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
