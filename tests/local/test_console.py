"""What a terminal shows, and what a file gets."""

from __future__ import annotations

import io
import time
from contextlib import redirect_stdout

import pytest

from local import console
from local.console import GREEN, echo, paint, step


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(console, "_TICK_SECONDS", 0.01)
    return Terminal()


def _shown(terminal: Terminal) -> list[str]:
    """The lines as a terminal shows them: a cleared line is gone."""
    return [line.rpartition("\r\x1b[K")[2] for line in terminal.getvalue().rstrip("\n").split("\n")]


def test_a_running_step_shows_its_seconds_on_a_terminal_and_leaves_none(terminal: Terminal) -> None:
    with redirect_stdout(terminal), step("Image"):
        while terminal.getvalue().count("  Image: ") < 2:
            time.sleep(0.005)
        echo("in between")
    assert [line.partition(" (")[0] for line in _shown(terminal)] == [
        "• Image …",
        "in between",
        "\x1b[32m✓\x1b[0m Image: done",
    ]


def test_a_step_whose_process_writes_itself_does_not_tick(terminal: Terminal) -> None:
    with redirect_stdout(terminal), step("Training", ticking=False):
        time.sleep(0.05)
    assert "\r" not in terminal.getvalue()


def test_a_file_gets_neither_colours_nor_cursor_movements(capsys: pytest.CaptureFixture[str]) -> None:
    with step("Image"):
        pass
    with pytest.raises(ValueError, match="x"), step("Image"):
        raise ValueError("x")
    told = capsys.readouterr()
    assert "✓ Image: done" in told.out
    assert "✗ Image: not done" in told.err
    assert "\x1b" not in told.out + told.err


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_can_be_refused(variable: str, value: str, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert paint("✓", GREEN, stream=terminal) == "\x1b[32m✓\x1b[0m"
    monkeypatch.setenv(variable, value)
    assert paint("✓", GREEN, stream=terminal) == "✓"
