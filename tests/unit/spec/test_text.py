"""Texts that are no specification at all."""

from __future__ import annotations

import contextlib
import random

import pytest

from spcs.spec import SpecError, normalised, parse

HEAD = "spec:\n  containers:\n  - name: main\n    image: /d/s/r/i:1\n"


@pytest.mark.parametrize(
    ("text", "problem", "line", "hint"),
    [
        ("", "the specification is empty.", None, None),
        ("# nothing\n", "the specification is empty.", None, None),
        ("spec", "invalid value spec for the specification. A map of keys and values is required.", 1, None),
        (
            "a: b\nc: [\n",
            "YAML syntax error at line 3, column 1: expected the node content, but found '<stream end>'.",
            3,
            None,
        ),
        (
            HEAD + "  volumes: [{name: a, source: @s}]\n",
            "YAML syntax error at line 5, column 31: found character '@' that cannot start any token.",
            5,
            "put a value that begins with '@' in double quotes",
        ),
        ("a: 1\n---\nb: 1\n", "YAML syntax error at line 2, column 1: but found another document.", 2, None),
        ("{[a]: b}", "invalid key for the specification. A key must be a single value.", 1, None),
        ("&a {<<: *a}", "the text refers to itself.", None, None),
        ("[" * 5000, "the text is nested too deeply.", None, None),
    ],
)
def test_a_text_that_is_no_specification(text: str, problem: str, line: int | None, hint: str | None) -> None:
    with pytest.raises(SpecError) as caught:
        parse(text)
    error = caught.value
    assert (error.message, error.path) == (f"Invalid spec: {problem}", "")
    assert (error.line, error.hint) == (line, hint)


SAMPLE = f"""{HEAD}    env: {{A: "1", B: yes}}
    resources: {{requests: {{cpu: 500m}}, limits: {{memory: 2Gi}}}}
    volumeMounts: [{{name: shm, mountPath: /dev/shm}}]
  volumes:
  - {{name: shm, source: memory, size: 10Gi}}
  - {{name: out, source: stage, stageConfig: {{name: "@s/out"}}}}
  endpoints: [{{name: web, port: 80, public: true}}]
serviceRoles: [{{name: r, endpoints: [web]}}]
"""
DEBRIS = (
    "null",
    "[]",
    "{}",
    "-1",
    '"@"',
    "&a *a",
    "[[",
    "}",
    ": ",
    "\t",
    '"',
    "\x00",
    "\ud800",
    "2020-01-01",
    "<<: x",
    "\n- ",
)


def test_a_damaged_text_is_refused_or_read_but_never_anything_else() -> None:
    dice = random.Random(7)
    for _ in range(300):
        start = dice.randrange(len(SAMPLE))
        text = SAMPLE[:start] + dice.choice(DEBRIS) + SAMPLE[start + dice.randrange(12) :]
        with contextlib.suppress(SpecError):
            service = parse(text)
            assert parse(normalised(service, {}, None)) == service
