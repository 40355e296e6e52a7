"""What the commands with arguments of their own have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import pytest

from hetengine.__main__ import main
from hetengine.errors import DeviceFailure, OutOfCapacity, UsageError
from hetengine.tool import ToolParser, answer


def raising(error: BaseException) -> Callable[[], NoReturn]:
    def action() -> NoReturn:
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UsageError("no\nsuch thing"), 2, "no such thing"),
        (OutOfCapacity("full"), 2, "full"),
        (DeviceFailure("card: broken", "card"), 1, "card: broken"),
        (PermissionError(13, "Permission denied", "here"), 2, "here: Permission denied"),
        (ZeroDivisionError("one"), 1, "ZeroDivisionError: one"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    error: Exception, code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(raising(error)) == code
    assert capsys.readouterr().err == f"hetengine: {message}\n"


def test_an_action_may_have_a_code_of_its_own() -> None:
    assert (answer(lambda: None), answer(lambda: 3)) == (0, 3)
    assert answer(raising(SystemExit(0))) == 0


def test_a_traceback_comes_when_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HETENGINE_TRACEBACK", "1")
    answer(raising(ZeroDivisionError("one")))
    assert "Traceback" in capsys.readouterr().err


def test_a_flag_is_not_abbreviated_and_its_neighbour_is_named() -> None:
    parser = ToolParser("plan", "About.")
    parser.add_argument("--execute", action="store_true")
    with pytest.raises(UsageError, match=r"^plan: unknown --exec; did you mean '--execute'\?"):
        parser.parse_args(["--exec"])


@pytest.mark.parametrize("tool", ["calibrate", "compare", "convert", "plan"])
def test_every_tool_has_help_and_refuses_in_one_line(
    tool: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([tool, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: hetengine {tool}")
    assert main([tool, "--no-such-flag"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"hetengine: {tool}: ")
    assert told.count("\n") == 1
