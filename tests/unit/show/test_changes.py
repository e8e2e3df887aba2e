from __future__ import annotations

import io
from difflib import unified_diff

import pytest

from spcs.show.changes import patch


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


WAS, NOW = ["-- a remark", "same"], ["same", "new"]


def test_a_pipe_gets_the_patch_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    patch(unified_diff(WAS, NOW, "x/f", "now/f", lineterm=""))
    assert capsys.readouterr().out.splitlines() == [
        "--- x/f", "+++ now/f", "@@ -1,2 +1,2 @@", "--- a remark", " same", "+new",
    ]  # fmt: skip


def test_a_terminal_shows_colours_and_tells_headers_from_remarks(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    patch(unified_diff(WAS, NOW, "x/f", "now/f", lineterm=""))
    shown = terminal.getvalue().splitlines()
    assert shown[0] == "\x1b[1m--- x/f\x1b[0m"
    assert shown[3:] == ["\x1b[31m--- a remark\x1b[0m", " same", "\x1b[32m+new\x1b[0m"]
