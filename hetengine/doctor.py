"""``hetengine doctor`` and ``hetengine devices``: what is installed, what works, what to type next.

Neither imports Hydra. Every backend is asked on its own, so that a broken one hides no other.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hetengine import registry
from hetengine.backend import Check, DeviceInfo
from hetengine.record.progress import human_bytes


def doctor(console: Console | None = None) -> int:
    """Print the checks of every installed backend.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where to print; standard output by default.

    Returns
    -------
    int
        0 if nothing failed, otherwise 1; what is optional and not installed has not failed.
    """
    target = Console() if console is None else console
    checks = list(all_checks())
    table = Table("backend", "check", "", "detail")
    for backend, check in checks:
        table.add_row(Text(backend), Text(check.name), _mark(check), Text(check.detail))
    target.print(table)
    for backend, check in checks:
        if check.remedy and not check.ok:
            target.out(f"{backend}, {check.name}: {check.remedy}", highlight=False)
    return 0 if all(check.ok or check.absent for _, check in checks) else 1


def _mark(check: Check) -> Text:
    if check.ok:
        return Text("ok", "green")
    return Text("absent", "yellow") if check.absent else Text("FAILED", "bold red")


def devices(console: Console | None = None) -> int:
    """Print the devices of every installed backend.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where to print; standard output by default.

    Returns
    -------
    int
        0 if at least one device was found, otherwise 1.
    """
    target = Console() if console is None else console
    found, problems = all_devices()
    table = Table("backend", "index", "name", "memory", "detail")
    for info in found:
        memory = "" if info.memory_bytes is None else human_bytes(info.memory_bytes)
        row = (info.backend, str(info.index), info.name, memory, info.detail)
        table.add_row(*map(Text, row))
    target.print(table)
    for problem in problems:
        target.out(problem, highlight=False)
    return 0 if found else 1


def all_checks() -> Iterator[tuple[str, Check]]:
    """Yield the name of a backend with each of its checks."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield "python", Check("version", sys.version_info >= (3, 11), version, "install Python 3.11+")
    names = registry.installed()
    if not names:
        remedy = "run `pip install -e .` in the checkout, or `pip install hetengine`"
        yield "hetengine", Check("entry points", False, "no backends are installed", remedy)
    for name in names:
        try:
            checks = registry.backend(name).check()
        except Exception as error:
            checks = [
                Check("load", False, _line(error), "run `hetengine doctor` again once mended")
            ]
        for check in checks:
            yield name, check


def all_devices() -> tuple[list[DeviceInfo], list[str]]:
    """Return all devices, and one line for each backend that could not list its own."""
    found: list[DeviceInfo] = []
    problems: list[str] = []
    for name in registry.installed():
        try:
            found.extend(registry.backend(name).devices())
        except Exception as error:
            problems.append(f"{name}: {_line(error)}; run `hetengine doctor`")
    if not registry.installed():
        problems.append("no backends are installed; run `pip install -e .` in the checkout")
    return found, problems


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
