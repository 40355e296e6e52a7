"""The limits of the house: small files, short functions, no loose ends, solvers without clocks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_FILE_LINES = 500
MOST_FUNCTION_LINES = 60
CODE = sorted(path for top in ("hetengine", "backends") for path in (ROOT / top).rglob("*.py"))
ALL = [
    *CODE,
    *sorted(path for top in ("tests", "benchmarks") for path in (ROOT / top).rglob("*.py")),
]
SOLVERS = sorted((ROOT / "hetengine" / "solvers").rglob("*.py"))
CLOCKS_AND_THREADS = {
    "asyncio",
    "concurrent",
    "datetime",
    "multiprocessing",
    "sched",
    "threading",
    "time",
    "_thread",
}
MODES = {"mode", "is_simulated", "simulated", "virtual", "WallClock", "VirtualClock"}
MODE_WORDS = {"execute", "simulate", "dry"}
UNFINISHED = re.compile(r"\b(" + "TO" + "DO|FIX" + "ME|XX" + r"X)\b")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports_of(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def mode_checks_of(tree: ast.Module) -> Iterator[str]:
    """Yield names, attributes, arguments and compared words that ask how the run is driven."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in MODES:
            yield node.id
        elif isinstance(node, ast.Attribute) and node.attr in MODES:
            yield node.attr
        elif isinstance(node, ast.arg | ast.keyword) and node.arg in MODES:
            yield str(node.arg)
        elif isinstance(node, ast.alias) and node.name in MODES:
            yield node.name
        elif isinstance(node, ast.Compare):
            words = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
            yield from (word for word in words if isinstance(word, str) and word in MODE_WORDS)


def test_there_is_something_to_measure() -> None:
    assert len(CODE) > 10
    assert SOLVERS


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_no_file_is_too_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_FILE_LINES


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_no_function_is_too_long(path: Path) -> None:
    long = [
        f"{node.name} (line {node.lineno})"
        for node in ast.walk(tree_of(path))
        if isinstance(node, Function)
        and (node.end_lineno or 0) - node.lineno + 1 > MOST_FUNCTION_LINES
    ]
    assert long == []


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_nothing_is_left_unfinished(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if UNFINISHED.search(line)] == []


@pytest.mark.parametrize("path", SOLVERS, ids=name_of)
def test_solvers_read_no_clock_and_start_no_thread(path: Path) -> None:
    assert CLOCKS_AND_THREADS.isdisjoint(imports_of(tree_of(path)))


@pytest.mark.parametrize("path", SOLVERS, ids=name_of)
def test_solvers_never_ask_whether_they_are_simulated(path: Path) -> None:
    assert list(mode_checks_of(tree_of(path))) == []


@pytest.mark.parametrize(
    "source",
    [
        "if config.mode.name == 'x': pass",
        "if clock.virtual: pass",
        "isinstance(clock, WallClock)",
        "if name == 'simulate': pass",
        "if name in ('dry', 'other'): pass",
        "def f(mode): pass",
        "f(mode=1)",
        "from hetengine.clock import VirtualClock",
    ],
)
def test_the_guard_sees_every_way_to_ask(source: str) -> None:
    assert list(mode_checks_of(ast.parse(source)))


@pytest.mark.parametrize("source", ["import time", "from time import sleep", "import os, asyncio"])
def test_the_guard_sees_imports(source: str) -> None:
    assert not CLOCKS_AND_THREADS.isdisjoint(imports_of(ast.parse(source)))


def test_heavy_core_never_imports_a_backend() -> None:
    """The engine reaches backends through the registry only."""
    own = {path.name for path in (ROOT / "backends").iterdir()}
    for path in (ROOT / "hetengine").rglob("*.py"):
        assert own.isdisjoint(imports_of(tree_of(path))), name_of(path)
