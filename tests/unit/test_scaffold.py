"""A new job's entry, put into files of many layouts; and its template, whose every block works."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from spcs import scaffold
from spcs.config import Job, Settings, load
from spcs.errors import SettingsProblem
from spcs.specification import specification
from tests.support import REPO

OURS = (REPO / "invoke.yaml").read_text()
BLOCK = """\
job: a   # the first
jobs:
  # What a does.
  a:
    command: [python, a.py]   # a comment
    # resources: later

  b: {args: [--x]}
    # of b

  # c: {}   switched off

# The end.
pins: {}
"""


def add(text: str, name: str = "mine", like: str = "") -> scaffold.NewEntry:
    return scaffold.add(text, name, table="DIGITS", like=like)


def test_the_entry_stands_below_the_others_and_all_else_keeps_its_bytes() -> None:
    made = add(BLOCK)
    before, after = BLOCK.split("\n\n# The end.")
    assert made.settings == f"{before}\n\n{made.text}\n# The end.{after}"
    assert yaml.safe_load(made.settings)["jobs"]["mine"] == {
        "template": "templates/mine.yaml.j2",
        "args": ["--data", "DIGITS"],
    }


def test_a_second_one_does_not_part_the_first_from_its_comments() -> None:
    once = add(OURS, "one")
    twice = add(once.settings, "two")
    assert f"{once.text}\n{twice.text}" in twice.settings
    assert set(load(yaml.safe_load(twice.settings), {}, REPO / "invoke.yaml").jobs) >= {"train", "one", "two"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing yet\n",
        "connection: local",
        "jobs: {train: {}}",
        "jobs: {train: {}, }\npins: {}\n",
        "jobs: {\n  train: {args: [a]},\n  b: {}  # b\n}\n",
        "jobs:\n    train:\n",
        "jobs:\n  train: {}",
        "jobs:\n  train:\n    comment: |\n      two\n      lines\n\n# end\npins: {}\n",
        "jobs:\n  train:\n    args:\n    - a\n    - b # c\njob: train\n",
        "x: &x {args: [a]}\njobs:\n  train: {}\n  other: *x\njob: other\n",
        "x: &x {args: [a]}\njobs:\n  train:\n    env: {A: b}\n    <<: *x\n",
        "jobs:\r\n  train:\r\n    args: [a]\r\n\r\n# end\r\njob: train\r\n",
        '"jobs": {"train": {"args": ["a"]}, "b": {}}',
    ],
)
def test_any_layout_of_the_table_takes_an_entry(text: str) -> None:
    made = add(text)
    before = {"jobs": {"train": {}}, **(yaml.safe_load(text) or {})}
    after = yaml.safe_load(made.settings)
    assert after["jobs"].pop("mine")["template"] == "templates/mine.yaml.j2"
    assert after == before
    assert ("\r\n" in text) == ("\r\n" in made.settings)
    assert not re.search(r"[^\r]\n", made.settings) or "\r\n" not in text


@pytest.mark.parametrize("name", ["on", "null", "yes", "off"])
def test_a_name_that_yaml_takes_for_something_else_is_quoted(name: str) -> None:
    assert name in yaml.safe_load(add(BLOCK, name).settings)["jobs"]


@pytest.mark.parametrize("like", ["train", "train_gpu", "train_multinode", "tutorial"])
def test_a_copy_has_all_that_the_other_has_but_the_template(like: str) -> None:
    jobs = yaml.safe_load(add(OURS, like=like).settings)["jobs"]
    assert jobs["mine"] == {**jobs[like], "template": "templates/mine.yaml.j2"}


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        (BLOCK.replace("job: a", "job: b"), None),
        ("jobs: {a: {args: [x]}, b: {}}", "mine: {template: templates/mine.yaml.j2, args: [x]}"),
        ("jobs: {a: {}}", "mine: {template: templates/mine.yaml.j2}"),
        ("jobs:\n  a:\n", "mine: {template: templates/mine.yaml.j2}\n"),
        ("jobs:\n  a: ~  # none\n", "mine: {template: templates/mine.yaml.j2}  # none\n"),
        ("jobs:\n  'a':\n    template: t.j2 # own\n", "mine:\n    template: templates/mine.yaml.j2 # own\n"),
    ],
)
def test_a_copy_keeps_its_comments_and_its_layout(text: str, entry: str | None) -> None:
    lines = ["mine:", "    template: templates/mine.yaml.j2"]
    lines += ["    command: [python, a.py]   # a comment", "    # resources: later", ""]
    assert add(text, like="a").text.lstrip() == (entry or "\n".join(lines))


@pytest.mark.parametrize(
    ("text", "like"),
    [
        ("x: &x {}\njobs: *x\n", ""),
        ("jobs:\n  a: &a {}\n  b: *a\n", "a"),
        ("jobs:\n  a: &a {}\n  b: *a\n", "b"),
        ("{connection: local}", ""),
        ("jobs: null", ""),
    ],
)
def test_a_layout_that_nothing_can_be_put_into_is_told(text: str, like: str) -> None:
    with pytest.raises(SettingsProblem, match=r"cannot be put into invoke\.yaml") as caught:
        add(text, like=like)
    assert caught.value.fix.startswith("write its entry there by hand")
    assert ("template: templates/mine.yaml.j2" in caught.value.fix) == (not like)


def test_a_copy_has_the_line_ends_of_the_file() -> None:
    made = add("jobs:\r\n  a:\r\n    args: [x]\r\njob: a\r\n", like="a")
    assert made.text == "  mine:\r\n    template: templates/mine.yaml.j2\r\n    args: [x]\r\n"


def test_a_job_of_another_file_is_not_copied() -> None:
    with pytest.raises(SettingsProblem, match="'elsewhere' does not stand in"):
        add(BLOCK, like="elsewhere")


@pytest.mark.parametrize("number", [0, 1, 2, 3], ids=["none", "probe", "sidecar", "endpoint"])
def test_every_block_of_the_template_works_once_it_is_used(tmp_path: Path, number: int) -> None:
    assert 5 <= len(scaffold.TEMPLATE.splitlines()) <= 10
    (tmp_path / "templates").mkdir()
    shutil.copy(REPO / "templates" / "spec.yaml.j2", tmp_path / "templates")
    parts = scaffold.TEMPLATE.split("{# {%")
    assert len(parts) == 4
    used = [part if i != number or not i else part.replace("%} #}", "%}") for i, part in enumerate(parts)]
    text = "".join(("{%" if i == number else "{# {%") * bool(i) + part for i, part in enumerate(used))
    (tmp_path / "mine.j2").write_text(text)
    made = specification(
        tmp_path, Settings(), "mine", Job(template="mine.j2"), image="/d/s/r/i:1", output="@DB.S.RUNS/runs/x/output/"
    )
    spec = yaml.safe_load(made)["spec"]
    found = ["livenessProbe" in spec["containers"][0], len(spec["containers"]) == 2, "endpoints" in spec]
    assert found == [number == 1, number == 2, number == 3]
