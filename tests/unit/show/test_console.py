from __future__ import annotations

import io
import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from spcs.show import console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return Terminal()


def test_talk_goes_to_stderr_and_data_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    console.say("talk")
    console.write("data")
    assert capsys.readouterr() == ("data\n", "talk\n")


def test_an_object_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    console.emit({"text": "a\nb ü", "when": datetime(2026, 8, 27, tzinfo=UTC)})
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out)["text"] == "a\nb ü"


def test_a_terminal_gets_colours(terminal: Terminal) -> None:
    assert console.painted("x", "good", terminal) == "\x1b[32mx\x1b[0m"
    assert console.painted("x", "plain", terminal) == "x"


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_are_left_out_where_they_are_not_wanted(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert console.painted("x", "bad", terminal) == "x"


def test_a_file_gets_no_colours() -> None:
    assert console.painted("x", "bad", io.StringIO()) == "x"


def test_columns_sets_the_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "43")
    assert console.width() == 43


def test_letters_a_terminal_does_not_know_become_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii"))
    console.write("Grüße")
    assert raw.getvalue() == b"Gr\\xfc\\xdfe\n"


def test_a_reader_that_goes_away_ends_it_silently() -> None:
    program = "from spcs.show.console import write\nwhile True: write('x' * 1000)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 141


def test_the_console_alone_imports_neither_rich_nor_the_run() -> None:
    program = (
        "import sys, spcs.show.console, spcs.show.tables\n"
        "print([m for m in ('rich', 'spcs.run', 'snowflake', 'jinja2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
